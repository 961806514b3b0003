# The NIC: the one that the payload names, else the first that is a plain network card, in the kernel's order.

choose_nic() {
  if [ -n "$device" ]; then
    [ -d "/sys/class/net/$device" ] || fail "this guest has no NIC $device: its NICs are $(echo $(ls /sys/class/net))"
    nic=$device
    return 0
  fi
  nic='' first=''
  for folder in /sys/class/net/*; do
    is_suitable "$folder" || continue
    index=$(cat "$folder/ifindex")
    if [ -z "$first" ] || [ "$index" -lt "$first" ]; then
      first=$index nic=${folder##*/}
    fi
  done
  [ -n "$nic" ] || fail "this guest has no suitable NIC"
}

# Ethernet, of hardware, not wireless, and no part of a bond or bridge.
is_suitable() {
  [ "$(cat "$1/type" 2>/dev/null)" = 1 ] && [ -e "$1/device" ] && [ ! -e "$1/wireless" ] && [ ! -e "$1/master" ]
}
