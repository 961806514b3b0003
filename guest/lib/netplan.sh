# netplan: a definition of ours for the NIC, whose file comes before all others of it: these stay as they are.

netplan_file=/etc/netplan/90-vcs-net-reconfig.yaml
# systemd-networkd takes the first file that fits, and netplan names them after the definitions
netplan_name=00-vcs-net-reconfig

# Where NetworkManager does what netplan says, it is NetworkManager that manages the NIC.
netplan_manages() {
  command -v netplan >/dev/null && ls /etc/netplan/*.yaml >/dev/null 2>&1 \
    && ! grep -Eqs "^[[:space:]]*renderer:[[:space:]]*[\"']?NetworkManager" /etc/netplan/*.yaml
}

netplan_apply() {
  netplan_lines >"$work/netplan" && put_file "$netplan_file" 600 <"$work/netplan" && netplan generate
}

netplan_lines() {
  echo "# Made by vcs-net-reconfig from the CD-ROM of the cluster's agent"
  printf 'network:\n  version: 2\n  ethernets:\n    "%s":\n      match: {name: "%s"}\n' "$netplan_name" "$nic"
  netplan_old_lines >"$work/netplan-old"
  printf '      addresses: [%s]\n' "$(yaml_list "$address/$prefix" $(sed -n 's/^address //p' "$work/netplan-old"))"
  sed -n 's/^line /      /p' "$work/netplan-old"
  if [ -n "$gateway" ]; then
    everywhere=0.0.0.0/0
    [ "$family" = 4 ] || everywhere=::/0
    printf '      routes: [{to: "%s", via: "%s"}]\n' "$everywhere" "$gateway"
  fi
  [ -n "$dns$search" ] || return 0
  printf '      nameservers:\n        addresses: [%s]\n        search: [%s]\n' \
    "$(yaml_list $dns)" "$(yaml_list $search)"
}

# What the first other definition of the NIC says of its other family, and of neither.
netplan_old_lines() {
  other=6
  [ "$family" = 4 ] || other=4
  for id in $(netplan get ethernets | sed -n 's/^"\{0,1\}\([A-Za-z0-9_.-]*\)"\{0,1\}:.*/\1/p'); do
    [ "$id" != "$netplan_name" ] && netplan_is_of_nic "$id" || continue
    for key in mtu "dhcp$other" accept-ra; do
      value=$(netplan_get "$id" "$key")
      case $value in '' | null | *[!A-Za-z0-9]*) ;; *) echo "line $key: $value" ;; esac
    done
    netplan_get "$id" addresses | sed -n 's/^- \([0-9A-Fa-f.:]*\/[0-9]*\):\{0,1\}$/\1/p' | while read -r old; do
      if "is_ipv$other" "${old%/*}"; then echo "address $old"; fi
    done
    return
  done
}

# netplan_get ID KEY: its value, without the quotes.
netplan_get() {
  netplan get "ethernets.$1.$2" | tr -d "\"'"
}

# A definition is known by the NIC's name, or by what it matches.
netplan_is_of_nic() {
  [ "$1" = "$nic" ] || [ "$(netplan_get "$1" set-name)" = "$nic" ] && return 0
  # a pattern, as "en*"
  case $nic in $(netplan_get "$1" match.name)) return 0 ;; esac
  [ "$(netplan_get "$1" match.macaddress | tr A-F a-f)" = "$(cat "/sys/class/net/$nic/address")" ]
}

yaml_list() {
  list=''
  for word; do
    list="$list${list:+, }\"$word\""
  done
  echo "$list"
}

netplan_activate() {
  if is_active systemd-networkd; then netplan apply; fi
}

netplan_undo() {
  netplan generate
  netplan_activate
}
