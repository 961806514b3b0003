# Which program manages the NIC.

choose_manager() {
  if netplan_manages; then
    manager=netplan
  elif ifupdown_names_nic; then
    manager=ifupdown
  elif ifcfg_is_without_networkmanager; then
    manager=ifcfg
  elif networkmanager_manages; then
    manager=networkmanager
  elif networkd_manages; then
    manager=networkd
  elif ifupdown_is_there; then
    manager=ifupdown
  elif ifcfg_is_there; then
    manager=ifcfg
  else
    fail "nothing known manages $nic: no NetworkManager, systemd-networkd, netplan, ifupdown, or ifcfg files"
  fi
}

is_enabled() {
  [ -d /run/systemd/system ] && systemctl is-enabled --quiet "$1" 2>/dev/null
}

is_active() {
  [ -d /run/systemd/system ] && systemctl is-active --quiet "$1" 2>/dev/null
}
