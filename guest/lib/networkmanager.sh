# NetworkManager: a connection of ours, made from the one that the NIC has, which stays as it is.

profile_prefix=vcs-net-reconfig-

networkmanager_manages() {
  command -v nmcli >/dev/null && is_enabled NetworkManager || return 1
  networkmanager_runs || return 0
  tries=0
  until networkmanager_has_nic; do
    # before it has looked at a NIC it calls it unmanaged
    tries=$((tries + 1))
    [ "$tries" -le 30 ] && networkmanager_begins || return 1
    sleep 1
  done
}

networkmanager_has_nic() {
  case $(nmcli -t -f DEVICE,STATE device 2>/dev/null | grep "^$nic:") in
    '' | *:unmanaged*) return 1 ;;
  esac
}

networkmanager_begins() {
  nmcli -t -f STARTUP general 2>/dev/null | grep -qx starting
}

networkmanager_runs() {
  nmcli -t -f RUNNING general 2>/dev/null | grep -qx running
}

networkmanager_apply() {
  profile=$profile_prefix$short
  before=$(connection_of "$nic")
  # the NIC has it already where a run was cut off, or is to be repeated: what it was cloned from is in it
  is_repeated=no
  if [ -n "$before" ] && [ "$(networkmanager_name "$before")" = "$profile" ]; then
    is_repeated=yes
  else
    networkmanager_forget "$profile"
    if [ -z "$before" ] || ! nmcli connection clone uuid "$before" "$profile"; then
      nmcli connection add type ethernet con-name "$profile" ifname "$nic" || return 1
    fi
  fi
  other=4
  [ "$family" = 6 ] || other=6
  dns4='' dns6=''
  for server in $dns; do
    if is_ipv4 "$server"; then dns4="$dns4${dns4:+,}$server"; else dns6="$dns6${dns6:+,}$server"; fi
  done
  if [ "$family" = 4 ]; then own_dns=$dns4 other_dns=$dns6; else own_dns=$dns6 other_dns=$dns4; fi
  nmcli connection modify "$profile" connection.interface-name "$nic" connection.autoconnect yes \
    connection.autoconnect-priority 999 \
    "ipv$family.method" manual "ipv$family.addresses" "$address/$prefix" "ipv$family.gateway" "$gateway" \
    "ipv$family.dns-search" "$(echo "$search" | tr ' ' ,)" "ipv$family.dns" "$own_dns" || return 1
  networkmanager_has_family "$other" || return 0
  nmcli connection modify "$profile" "ipv$other.dns-search" '' "ipv$other.dns" "$other_dns"
}

# NetworkManager takes no servers of a family that the NIC does not have.
networkmanager_has_family() {
  case $(nmcli -t -f "ipv$1.method" connection show "$profile") in
    *:auto | *:dhcp | *:manual) return 0 ;;
  esac
  return 1
}

networkmanager_activate() {
  nmcli connection up "$profile" ifname "$nic" || return 1
  for old in $(nmcli -t -f NAME connection show | grep "^$profile_prefix"); do
    [ "$old" = "$profile" ] || networkmanager_forget "$old"
  done
}

networkmanager_undo() {
  [ "$is_repeated" = yes ] || networkmanager_forget "$profile"
  if [ -n "$before" ]; then nmcli connection up uuid "$before"; fi
  return 0
}

networkmanager_forget() {
  nmcli connection delete "$1" >/dev/null 2>&1
  return 0
}

# networkmanager_name UUID: the name of that connection.
networkmanager_name() {
  nmcli -t -f UUID,NAME connection show 2>/dev/null | sed -n "s/^$1://p"
}

# The UUID of the connection that the NIC has now.
connection_of() {
  nmcli -t -f UUID,DEVICE connection show --active 2>/dev/null | while IFS=: read -r uuid its; do
    if [ "$its" = "$1" ]; then echo "$uuid"; fi
  done | sed -n 1p
}
