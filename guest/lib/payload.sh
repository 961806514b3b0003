# From the CD-ROM to variables: checksum, short, resource, guest, site, address, family, prefix, gateway, dns, search, device.

volume=VCSNET
no_volume=CDROM # what genisoimage writes where it is told none
payload_name=vcsnet.conf
payload_bytes=8192

# Drivers and udev may still be at work so early, and on a slow host for long.
wait_for_devices() {
  tries=0
  until is_settled && ! drives_are_to_come; do
    tries=$((tries + 1))
    if [ "$tries" -ge 60 ]; then
      say "warning: devices are still being looked for; goes on with those that are there"
      return
    fi
    sleep 1
  done
}

is_settled() {
  command -v udevadm >/dev/null || return 0
  udevadm settle --timeout=3 2>/dev/null
}

# Each ATAPI device that a port has found becomes a CD-ROM.
drives_are_to_come() {
  found=$(cat /sys/class/ata_device/*/class 2>/dev/null | grep -c atapi)
  [ "$found" -gt "$(ls -d /dev/sr[0-9]* 2>/dev/null | grep -c .)" ]
}

# Copies the payload to $work/payload. Fails without a word where no CD-ROM is ours. RHEV-M before 3.3 gives its CD-ROM no
# name: such a one is ours if it has the file.
fetch_payload() {
  for cdrom in /dev/sr[0-9]* /dev/scd[0-9]* /dev/hd[a-d]; do
    [ -e "$cdrom" ] || continue
    label=$(label_of "$cdrom")
    [ "$label" = "$volume" ] || [ "$label" = "$no_volume" ] || continue
    mkdir -p "$work/cdrom"
    if ! mount -t iso9660 -o ro,nosuid,nodev,noexec "$cdrom" "$work/cdrom"; then
      [ "$label" = "$no_volume" ] || fail "CD-ROM $cdrom cannot be mounted"
      continue # most likely another's
    fi
    copy_payload "$work/cdrom/$payload_name"
    copied=$?
    umount "$work/cdrom"
    if [ "$copied" -eq 0 ]; then return 0; fi
    [ "$label" = "$no_volume" ] || fail "CD-ROM $cdrom is named $volume and has no readable file $payload_name"
  done
  return 1
}

# The volume's name stands in the primary volume descriptor, at byte 40 of sector 16 (ISO 9660, 8.4): no program for it is
# needed.
label_of() {
  descriptor=$work/descriptor
  rm -f "$descriptor" # dd leaves that of another drive where this one is empty
  dd if="$1" of="$descriptor" bs=2048 skip=16 count=1 2>/dev/null
  [ "$(bytes_of "$descriptor" 1 5)" = CD001 ] || return 0
  name=$(bytes_of "$descriptor" 40 32)
  echo "${name%% *}"
}

bytes_of() {
  dd if="$1" bs=1 skip="$2" count="$3" 2>/dev/null | tr -d '\000'
}

# One byte more than is allowed, so that a longer one shows.
copy_payload() {
  [ -f "$1" ] && [ ! -L "$1" ] && dd if="$1" of="$work/payload" bs=$((payload_bytes + 1)) count=1 2>/dev/null
}

# Ends the program unless the file is whole and has only the signs that a payload is written in.
verify_payload() {
  [ "$(wc -c <"$1")" -le "$payload_bytes" ] || refuse "it is longer than $payload_bytes characters"
  [ "$(tr -d 'A-Za-z0-9.:_%=\n-' <"$1" | wc -c)" -eq 0 ] || refuse "it holds signs that no payload has"
  case $(sed -n 1p "$1") in
    vcsnet=*) ;;
    *) refuse "its first line is none of ours" ;;
  esac
  checksum=$(sed '$d' "$1" | sha256sum)
  checksum=${checksum%% *}
  [ "$(sed -n '$p' "$1")" = "sha256=$checksum" ] || refuse "its checksum is wrong: it is cut off or was changed"
  short=$(echo "$checksum" | cut -c1-8)
}

refuse() {
  fail "the payload is refused, nothing is changed: $*"
}

read_payload() {
  version='' resource='' guest='' site='' address='' prefix='' gateway='' dns='' search='' device=''
  while IFS='=' read -r key value; do
    take_value "$key" "$value"
  done <"$1"
  [ "$version" = 1 ] || refuse "it is of version $version, this service knows version 1"
  check_values
}

take_value() {
  case $1 in
    vcsnet) once vcsnet "$version" && version=$2 ;;
    resource) once resource "$resource" && resource=$2 ;;
    guest) once guest "$guest" && guest=$2 ;;
    site) once site "$site" && site=$2 ;;
    address) once address "$address" && address=$2 ;;
    prefix) once prefix "$prefix" && prefix=$2 ;;
    gateway) once gateway "$gateway" && gateway=$2 ;;
    dns) dns="$dns${dns:+ }$2" ;;
    search) search="$search${search:+ }$2" ;;
    device) once device "$device" && device=$2 ;;
    sha256) ;;
    *) refuse "it has an unknown key" ;;
  esac
}

once() {
  [ -z "$2" ] || refuse "it has the key $1 twice"
}
