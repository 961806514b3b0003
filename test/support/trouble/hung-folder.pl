# Makes a folder hang: mounts a FUSE file system over it that answers nothing, not even its first request.
# Says "mounted" on stdout. When stdin ends, for whatever reason, takes it away again; what hung in it fails then.
use strict;
use warnings;
use Fcntl;

my $folder = shift;
sysopen my $fuse, '/dev/fuse', O_RDWR or die "/dev/fuse: $!";
my ($source, $type) = ('hung', 'fuse');
my $data = sprintf 'fd=%d,rootmode=40000,user_id=0,group_id=0', fileno $fuse;

# x86_64: mount; umount2 with MNT_DETACH. Source: asm/unistd_64.h, sys/mount.h
syscall(165, $source, $folder, $type, 0, $data) == 0 or die "mount $folder: $!";
$| = 1;
print "mounted\n";
<STDIN>;
syscall 166, $folder, 2;
