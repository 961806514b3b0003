#!/bin/sh
# Makes the file system and the cgroup of one machine for test/support/systemd/machine.ts, then becomes holder.pl.
#
# unshare --mount --pid --fork --kill-child=KILL --mount-proc --propagation private sh machine.sh ROOT FOLDER CGROUP
#
# The machine's root is FOLDER/root: the folder ROOT, which nothing changes, below what FOLDER/files holds and whatever the
# machine writes, both in memory.
#
# systemd-nspawn names the cgroups of a machine without a name of its own "payload" and "supervisor": in a CGROUP for each
# machine, two of them never meet.
set -eu

root=$1 folder=$2 name=$3
here=$(dirname "$0")

mkdir -p "$folder/layer" "$folder/root" "$folder/log"
mount -t tmpfs -o mode=755,size=75% tmpfs "$folder/layer"
mkdir "$folder/layer/upper" "$folder/layer/work"
cp -a "$folder/files/." "$folder/layer/upper/"
mount -t overlay -o "lowerdir=$root,upperdir=$folder/layer/upper,workdir=$folder/layer/work" overlay "$folder/root"

for hierarchy in /sys/fs/cgroup/systemd /sys/fs/cgroup/unified /sys/fs/cgroup; do
  [ -e "$hierarchy/cgroup.procs" ] || continue
  mkdir -p "$hierarchy/$name"
  echo 0 >"$hierarchy/$name/cgroup.procs"
done
exec perl "$here/../lab/holder.pl" "$folder" keep
