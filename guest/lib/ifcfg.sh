# ifcfg files of RHEL 6 and 7. Lines that are not about the address stay.

ifcfg_folder=/etc/sysconfig/network-scripts

ifcfg_is_there() {
  [ -d "$ifcfg_folder" ] && [ -e "$ifcfg_folder/ifup" -o -e /sbin/ifup ]
}

ifcfg_is_without_networkmanager() {
  ifcfg_is_there && grep -Eqi "^NM_CONTROLLED=[\"']?no" "$ifcfg_folder/ifcfg-$nic" 2>/dev/null
}

ifcfg_apply() {
  ifcfg_lines >"$work/ifcfg" && put_file "$ifcfg_folder/ifcfg-$nic" <"$work/ifcfg"
}

ifcfg_lines() {
  if [ -f "$ifcfg_folder/ifcfg-$nic" ]; then
    ifcfg_other_lines <"$ifcfg_folder/ifcfg-$nic"
  else
    printf 'DEVICE=%s\nTYPE=Ethernet\n' "$nic"
  fi
  echo ONBOOT=yes
  if [ "$family" = 4 ]; then
    printf 'BOOTPROTO=none\nIPADDR=%s\nPREFIX=%s\n' "$address" "$prefix"
    if [ -n "$gateway" ]; then echo "GATEWAY=$gateway"; fi
  else
    printf 'IPV6INIT=yes\nIPV6_AUTOCONF=no\nIPV6ADDR=%s/%s\n' "$address" "$prefix"
    if [ -n "$gateway" ]; then echo "IPV6_DEFAULTGW=$gateway$(ifcfg_scope)"; fi
  fi
  number=1
  for server in $dns; do
    echo "DNS$number=$server"
    number=$((number + 1))
  done
  if [ -n "$search" ]; then echo "DOMAIN=\"$search\""; fi
}

# A link-local address says nothing without its NIC.
ifcfg_scope() {
  case $gateway in fe[89ab]?:*) echo "%$nic" ;; esac
}

# The other family's address stays, and how it is got. PEERDNS=no would keep DNS1 out of /etc/resolv.conf.
ifcfg_other_lines() {
  while IFS= read -r line || [ -n "$line" ]; do
    case $family$line in
      ?ONBOOT=* | 4BOOTPROTO=* | ?DNS[0-9]*=* | ?DOMAIN=* | ?PEERDNS=*) ;;
      4IPADDR* | 4PREFIX* | 4NETMASK* | 4NETWORK=* | 4BROADCAST=* | 4GATEWAY*) ;;
      6IPV6INIT=* | 6IPV6_AUTOCONF=* | 6IPV6ADDR* | 6IPV6_DEFAULTGW=* | 6DHCPV6C=*) ;;
      *) printf '%s\n' "$line" ;;
    esac
  done
}

ifcfg_activate() {
  [ -e /var/lock/subsys/network ] || return 0
  ifdown "$nic"
  ifup "$nic"
}

ifcfg_undo() {
  ifcfg_activate
}
