#!/bin/sh
# Makes the private mount namespace of one libvirtd for test/support/lab/namespace.ts, then becomes holder.pl.
#
# unshare --mount --uts --propagation private sh namespace.sh FOLDER HOSTNAME remove|keep
#
# HOSTNAME may be empty: the machine's. Where FOLDER has a file `hosts`, this is a whole host of a lab (lab-host.ts), whose
# network, pids and IPC were made private by the same unshare.
#
# libvirtd has its folders compiled in; here they are bound to folders below FOLDER, so that it cannot meet the machine's
# own libvirtd, D-Bus or systemd, while its sockets and pid files are plain files for everybody outside.
set -eu

folder=$1
here=$(dirname "$0")

for place in /etc/libvirt /var/lib/libvirt /var/cache/libvirt /var/log/libvirt; do
  [ -d "$place" ] || mkdir -p "$place"
done
mount --bind "$folder/etc" /etc/libvirt
mount --bind "$folder/lib" /var/lib/libvirt
mount --bind "$folder/cache" /var/cache/libvirt
mount --bind "$folder/log" /var/log/libvirt
mount --bind "$folder/run" /run

[ -z "$2" ] || hostname "$2"
if [ -e "$folder/hosts" ]; then
  mount --bind "$folder/hosts" /etc/hosts
  mount -t tmpfs -o mode=1777 tmpfs /dev/shm
  # another boot each time it is powered on
  cat /proc/sys/kernel/random/uuid >"$folder/boot_id"
  mount --bind "$folder/boot_id" /proc/sys/kernel/random/boot_id
  ip link set lo up
fi
exec perl "$here/holder.pl" "$folder" "$3"
