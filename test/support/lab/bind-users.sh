#!/bin/sh
# Gives a private libvirtd its user: sh bind-users.sh FOLDER, in its mount namespace, before each start.
#
# Debian's libvirtd looks up its QEMU user even where the configuration names another one; only libvirt-daemon-system
# would make that user for the whole machine. Whoever adds a user to the machine replaces /etc/passwd, and the kernel
# then takes away what is bound over it.
set -eu

folder=$1
for table in passwd group; do
  ! grep -q '^libvirt-qemu:' "/etc/$table" || continue
  cp "/etc/$table" "$folder/$table"
  case $table in
  passwd) echo 'libvirt-qemu:x:64055:64055::/var/lib/libvirt:/usr/sbin/nologin' ;;
  group) echo 'libvirt-qemu:x:64055:' ;;
  esac >>"$folder/$table"
  mount --bind "$folder/$table" "/etc/$table"
done
