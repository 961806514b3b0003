# netplan: a file of ours. Addresses of several files add up, so the NIC's other definitions are taken out of them.

netplan_file=/etc/netplan/90-vcs-net-reconfig.yaml

netplan_manages() {
  command -v netplan >/dev/null && ls /etc/netplan/*.yaml >/dev/null 2>&1
}

netplan_apply() {
  for file in /etc/netplan/*.yaml; do
    keep "$file" || return 1
  done
  keep "$netplan_file" && rm -f "$netplan_file" || return 1
  for id in $(netplan get ethernets | sed -n 's/^\([A-Za-z0-9_.-]*\):.*/\1/p'); do
    netplan_is_of_nic "$id" || continue
    netplan set "ethernets.$id=null" || return 1
  done
  netplan_lines >"$work/netplan" && put_file "$netplan_file" 600 <"$work/netplan" && netplan generate
}

# A definition is known by the NIC's name, or by what it matches.
netplan_is_of_nic() {
  [ "$1" = "$nic" ] && return 0
  [ "$(netplan get "ethernets.$1.set-name")" = "$nic" ] && return 0
  [ "$(netplan get "ethernets.$1.match.name")" = "$nic" ] && return 0
  mac=$(cat "/sys/class/net/$nic/address")
  [ "$(netplan get "ethernets.$1.match.macaddress" | tr -d "\"'" | tr A-F a-f)" = "$mac" ]
}

netplan_lines() {
  echo "# Made by vcs-net-reconfig from the CD-ROM of the cluster's agent"
  printf 'network:\n  version: 2\n  ethernets:\n    "%s":\n      addresses: ["%s/%s"]\n' "$nic" "$address" "$prefix"
  if [ -n "$gateway" ]; then
    everywhere=0.0.0.0/0
    [ "$family" = 4 ] || everywhere=::/0
    printf '      routes: [{to: "%s", via: "%s"}]\n' "$everywhere" "$gateway"
  fi
  [ -n "$dns$search" ] || return 0
  printf '      nameservers:\n        addresses: [%s]\n        search: [%s]\n' \
    "$(yaml_list $dns)" "$(yaml_list $search)"
}

yaml_list() {
  list=''
  for word; do
    list="$list${list:+, }\"$word\""
  done
  echo "$list"
}

netplan_activate() {
  if is_active systemd-networkd || is_active NetworkManager; then netplan apply; fi
}

netplan_undo() {
  netplan generate
  netplan_activate
}
