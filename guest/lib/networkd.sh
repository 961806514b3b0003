# systemd-networkd: one file of ours, which comes before all others for its NIC.

networkd_file=/etc/systemd/network/00-vcs-net-reconfig.network

networkd_manages() {
  is_enabled systemd-networkd
}

networkd_apply() {
  networkd_lines >"$work/network" && put_file "$networkd_file" 644 <"$work/network" || return 1
  if is_enabled systemd-resolved; then return 0; fi
  write_resolv_conf
}

networkd_lines() {
  echo "# Made by vcs-net-reconfig from the CD-ROM of the cluster's agent"
  printf '[Match]\nName=%s\n\n[Network]\nAddress=%s/%s\n' "$nic" "$address" "$prefix"
  if [ -n "$gateway" ]; then echo "Gateway=$gateway"; fi
  for server in $dns; do
    echo "DNS=$server"
  done
  if [ -n "$search" ]; then echo "Domains=$search"; fi
}

networkd_activate() {
  is_active systemd-networkd || return 0
  # releases before 244 know neither
  networkctl reload && networkctl reconfigure "$nic" || systemctl restart systemd-networkd
}

networkd_undo() {
  networkd_activate
}
