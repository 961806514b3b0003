# /etc/resolv.conf, where nobody else writes it.

write_resolv_conf() {
  [ -n "$dns$search" ] || return 0
  # a link leads to a file of the program that writes it
  [ ! -L /etc/resolv.conf ] || return 0
  resolv_conf_lines >"$work/resolv.conf" && put_file /etc/resolv.conf 644 <"$work/resolv.conf"
}

resolv_conf_lines() {
  if [ -n "$search" ]; then echo "search $search"; fi
  for server in $dns; do
    echo "nameserver $server"
  done
  [ -f /etc/resolv.conf ] || return 0
  while IFS= read -r line || [ -n "$line" ]; do
    case $line in
      nameserver* | search* | domain*) ;;
      *) printf '%s\n' "$line" ;;
    esac
  done </etc/resolv.conf
}
