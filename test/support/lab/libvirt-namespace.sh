#!/bin/sh
# Holds the private mount namespace of one libvirtd for test/support/lab/libvirtd.ts, and ends all that lives in it.
#
# unshare --mount --uts --propagation private sh libvirt-namespace.sh FOLDER [HOSTNAME]
#
# libvirtd has its folders compiled in; here they are bound to folders below FOLDER, so that it cannot meet the machine's
# own libvirtd, D-Bus or systemd, while its sockets and pid files are plain files for everybody outside. libvirtd and its
# guests are put in with nsenter. Says "ready", then reads until the other end of its stdin is gone, for whatever
# reason: then it kills what is left in the namespace and removes FOLDER, also after a SIGKILL of the tests.
set -eu

folder=$1
trap '' INT TERM HUP

for place in /etc/libvirt /var/lib/libvirt /var/cache/libvirt /var/log/libvirt; do
  [ -d "$place" ] || mkdir -p "$place"
done
mount --bind "$folder/etc" /etc/libvirt
mount --bind "$folder/lib" /var/lib/libvirt
mount --bind "$folder/cache" /var/cache/libvirt
mount --bind "$folder/log" /var/log/libvirt
mount --bind "$folder/run" /run

# Debian's libvirtd looks up its QEMU user even where the configuration names another one; only libvirt-daemon-system
# would make that user for the whole machine.
for table in passwd group; do
  cp "/etc/$table" "$folder/etc/$table"
done
grep -q '^libvirt-qemu:' /etc/passwd || echo 'libvirt-qemu:x:64055:64055::/var/lib/libvirt:/usr/sbin/nologin' >>"$folder/etc/passwd"
grep -q '^libvirt-qemu:' /etc/group || echo 'libvirt-qemu:x:64055:' >>"$folder/etc/group"
for table in passwd group; do
  mount --bind "$folder/etc/$table" "/etc/$table"
done

[ -z "${2-}" ] || hostname "$2"

echo ready
while read -r _; do :; done || :

# A process is in here if it has our mount namespace: no name, no pattern, no stranger.
left=yes
while [ -n "$left" ]; do
  left=
  for process in /proc/[0-9]*; do
    [ "${process#/proc/}" = "$$" ] && continue
    if [ "$process/ns/mnt" -ef "/proc/$$/ns/mnt" ]; then
      left=yes
      kill -9 "${process#/proc/}" 2>/dev/null || :
    fi
  done
  [ -z "$left" ] || sleep 0.05
done
cd /
rm -rf "$folder"
