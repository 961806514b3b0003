# The values of a payload, checked again: a checksum proves that it is whole, not that it is right.

check_values() {
  if is_ipv4 "$address"; then
    family=4 most=32
  elif is_ipv6 "$address"; then
    family=6 most=128
  else
    refuse "address is no address"
  fi
  case $address in
    0.* | 127.* | 22[4-9].* | 2[3-5]?.* | :: | ::1 | ff*) refuse "address is no address of one host" ;;
  esac
  is_number "$prefix" && [ "$prefix" -ge 1 ] && [ "$prefix" -le "$most" ] || refuse "prefix is no number of 1 to $most"
  [ -z "$gateway" ] || "is_ipv$family" "$gateway" || refuse "gateway is no address of the same kind"
  for word in $dns; do
    is_ipv4 "$word" || is_ipv6 "$word" || refuse "dns is no address"
  done
  for word in $search; do
    is_domain "$word" || refuse "search is no domain name"
  done
  [ -z "$device" ] || is_device "$device" || refuse "device is no name of a NIC"
}

is_number() {
  case $1 in
    '' | *[!0-9]* | 0?* | ????*) return 1 ;;
  esac
}

is_ipv4() {
  case $1 in
    '' | *[!0-9.]* | .* | *. | *..*) return 1 ;;
  esac
  rest=$1 count=0
  while [ -n "$rest" ]; do
    part=${rest%%.*}
    is_number "$part" && [ "$part" -le 255 ] || return 1
    count=$((count + 1))
    case $rest in
      *.*) rest=${rest#*.} ;;
      *) rest='' ;;
    esac
  done
  [ "$count" -eq 4 ]
}

# Eight groups of hexadecimal digits, or fewer around one `::`.
is_ipv6() {
  case $1 in
    *[!0-9a-f:]* | *:::* | *::*::* | :[!:]* | *[!:]: | *[0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f]*) return 1 ;;
    *:*) ;;
    *) return 1 ;;
  esac
  groups=$(echo "$1" | tr : '\n' | grep -c .)
  case $1 in
    *::*) [ "$groups" -le 7 ] ;;
    *) [ "$groups" -eq 8 ] ;;
  esac
}

is_domain() {
  case $1 in
    '' | *[!A-Za-z0-9._-]* | .* | -* | *. | *..*) return 1 ;;
  esac
  [ "${#1}" -le 253 ]
}

is_device() {
  case $1 in
    '' | *[!A-Za-z0-9._-]* | .* | -* | lo) return 1 ;;
  esac
  [ "${#1}" -le 15 ]
}
