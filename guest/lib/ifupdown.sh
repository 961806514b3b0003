# ifupdown: /etc/network/interfaces and what is beside it. Lines that are not about the address stay.

interfaces=/etc/network/interfaces

ifupdown_is_there() {
  [ -f "$interfaces" ] && command -v ifup >/dev/null
}

ifupdown_names_nic() {
  ifupdown_is_there && interfaces_say "iface[[:space:]]+$nic[[:space:]]"
}

# interfaces_say PATTERN: whether a line of it begins so.
interfaces_say() {
  cat "$interfaces" "$interfaces".d/* 2>/dev/null | grep -Eq "^[[:space:]]*$1"
}

ifupdown_apply() {
  kind=inet
  [ "$family" = 4 ] || kind=inet6
  is_written=no
  for file in "$interfaces" "$interfaces".d/*; do
    [ -f "$file" ] || continue
    rewrite_interfaces <"$file" >"$work/interfaces" || return 1
    if cmp -s "$file" "$work/interfaces"; then continue; fi
    put_file "$file" <"$work/interfaces" || return 1
  done
  if [ "$is_written" = no ]; then
    { cat "$interfaces" && ifupdown_stanza; } >"$work/interfaces" && put_file "$interfaces" <"$work/interfaces" || return 1
  fi
  if ! interfaces_say "(auto|allow-[a-z]+)[[:space:]](.*[[:space:]])?$nic([[:space:]]|\$)"; then
    { cat "$interfaces" && echo "auto $nic"; } >"$work/interfaces" && put_file "$interfaces" <"$work/interfaces" || return 1
  fi
  # with resolvconf the lines dns-* do it
  if command -v resolvconf >/dev/null; then return 0; fi
  write_resolv_conf
}

# The first definition of the NIC in this family becomes ours, more of them go.
rewrite_interfaces() {
  place=outside continues=no drops=no
  while IFS= read -r line || [ -n "$line" ]; do
    if [ "$continues" = no ]; then look_at_line "$line"; fi
    case $line in
      *\\) continues=yes ;;
      *) continues=no ;;
    esac
    if [ "$drops" = no ]; then printf '%s\n' "$line"; fi
  done
}

look_at_line() {
  set -f
  set -- $1
  set +f
  drops=no
  case ${1:-} in
    iface)
      place=outside
      [ "${2:-}" = "$nic" ] && [ "${3:-}" = "$kind" ] || return 0
      place=inside drops=yes
      if [ "$is_written" = yes ]; then
        place=again
      else
        is_written=yes
        ifupdown_stanza
      fi
      ;;
    auto | allow-* | mapping | source | source-directory | no-auto-down | no-scripts | rename | template) place=outside ;;
    address | netmask | gateway | network | broadcast | dns-* | pointopoint)
      [ "$place" = outside ] || drops=yes
      ;;
    *) [ "$place" != again ] || drops=yes ;;
  esac
}

ifupdown_stanza() {
  # one line for both is unknown to old releases and to busybox
  mask=$prefix
  [ "$family" = 6 ] || mask=$(dotted_mask "$prefix")
  printf 'iface %s %s static\n    address %s\n    netmask %s\n' "$nic" "$kind" "$address" "$mask"
  if [ -n "$gateway" ]; then echo "    gateway $gateway"; fi
  if [ -n "$dns" ]; then echo "    dns-nameservers $dns"; fi
  if [ -n "$search" ]; then echo "    dns-search $search"; fi
}

# dotted_mask PREFIX: 255.255.255.0 of 24.
dotted_mask() {
  bits=$1 dotted=''
  for part in 1 2 3 4; do
    if [ "$bits" -ge 8 ]; then part=8; elif [ "$bits" -gt 0 ]; then part=$bits; else part=0; fi
    dotted=$dotted${dotted:+.}$((256 - (1 << (8 - part))))
    bits=$((bits - 8))
  done
  echo "$dotted"
}

ifupdown_activate() {
  grep -q "^$nic=" "$run/network/ifstate" 2>/dev/null || return 0
  ifdown "$nic"
  ifup "$nic"
}

ifupdown_undo() {
  ifupdown_activate
}
