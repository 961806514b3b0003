# Runs a program on a host of a lab: in the namespaces of that host's first process.
#
# perl enter.pl PID PROGRAM ARGUMENT...
#
# Ends as the program ends, with its exit code or by its signal, and takes it along when it is killed itself, as if both
# were one process. nsenter would do neither: it leaves the program behind, and it stops when the program is stopped.
use strict;
use warnings;

my ($pid, @command) = @ARGV;

# x86_64. Source: asm/unistd_64.h, linux/prctl.h
my ($SETNS, $PRCTL, $PR_SET_PDEATHSIG, $SIGKILL) = (308, 157, 1, 9);

# opened before any is entered: afterwards /proc is another one
my @namespaces = map {
  open my $file, '<', "/proc/$pid/ns/$_" or die "no host at $pid: $!\n";
  $file;
} qw(ipc uts net pid mnt);
for my $namespace (@namespaces) {
  syscall($SETNS, fileno $namespace, 0) == 0 or die "cannot enter the host at $pid: $!\n";
}
chdir '/';

my $child = fork // die "fork: $!\n"; # only a child is in the pid namespace
if ($child == 0) {
  syscall($PRCTL, $PR_SET_PDEATHSIG, $SIGKILL, 0, 0, 0);
  exec { $command[0] } @command or print STDERR "$command[0]: $!\n";
  exit 127;
}
waitpid $child, 0;
my $status = $?;
kill $status & 127, $$ if $status & 127;
exit $status >> 8;
