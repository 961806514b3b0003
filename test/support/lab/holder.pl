# The parent of one private libvirtd and, once they are daemons, of its guests. Started by namespace.sh. It is also what
# a whole lab hangs on (lab.ts).
#
# holder.pl FOLDER remove|keep
#
# Reads on stdin:  start PROGRAM ARGUMENT...   runs it here; what it says goes to FOLDER/log/PROGRAM.out
#                 signal NAME PID              sends it to a program that was started here and has not ended
# Says on stdout:  ready PID-NAMESPACE; started PID; ended PID
# When stdin ends, for whatever reason (also a SIGKILL of the tests), kills all that is left in its pid namespace, if it is
# the first process of one, else in its mount namespace; then removes FOLDER, unless told to keep it.
#
# As a child subreaper it gets the guests that libvirtd leaves behind, and buries them at once. Many a container's first
# process does so late or never, and libvirt takes a zombie for a QEMU that does not want to die.
use strict;
use warnings;
use POSIX qw(WNOHANG setsid);

my ($folder, $what_then) = @ARGV;
my $here = $0 =~ s{/[^/]*$}{}r;
$SIG{$_} = 'IGNORE' for qw(INT TERM HUP PIPE);
$| = 1;

# x86_64: prctl(PR_SET_CHILD_SUBREAPER, 1). Source: linux/prctl.h, asm/unistd_64.h
syscall(157, 36, 1, 0, 0, 0) == 0 or die "not a subreaper: $!";

pipe my $woken, my $wake or die "pipe: $!";
$woken->blocking(0);
$SIG{CHLD} = sub { syswrite $wake, "x" };
print 'ready ', readlink '/proc/self/ns/pid', "\n";

my %started;
my $input = '';
while (1) {
  my $watched = '';
  vec($watched, fileno STDIN, 1) = 1;
  vec($watched, fileno $woken, 1) = 1;
  next if select(my $readable = $watched, undef, undef, undef) < 0;
  sysread $woken, my $ignored, 4096;
  bury();
  next unless vec($readable, fileno STDIN, 1);
  sysread(STDIN, $input, 4096, length $input) or last;
  obey(split ' ', $1) while $input =~ s/^(.*)\n//;
}

# The kernel itself ends all that is in a pid namespace whose first process exits, as a loss of power would. Only who
# removes the folder must see them gone before.
exit if $what_then eq 'keep' and $$ == 1;
my $ours = namespace_of($$);
$SIG{CHLD} = 'DEFAULT';
while (1) {
  my $left = $$ == 1 ? kill('KILL', -1) : kill_neighbours();
  bury();
  last unless $left;
  select undef, undef, undef, 0.02;
}
chdir '/';
system 'rm', '-rf', $folder if $what_then eq 'remove';

# A process is in here if it has our mount namespace: no name, no pattern, no stranger.
sub kill_neighbours {
  my @neighbours = grep { $_ != $$ and namespace_of($_) eq $ours } map { m{(\d+)} } glob '/proc/[0-9]*';
  kill 'KILL', @neighbours;
  return scalar @neighbours;
}

sub obey {
  my ($word, @arguments) = @_;
  start(@arguments) if $word eq 'start';
  kill @arguments if $word eq 'signal' and $started{$arguments[1]};
}

sub start {
  my @command = @_;
  system 'sh', "$here/bind-users.sh", $folder if $command[0] eq 'libvirtd';
  my $pid = fork // die "fork: $!";
  if ($pid == 0) {
    $SIG{$_} = 'DEFAULT' for qw(INT TERM HUP PIPE CHLD);
    setsid();
    open STDIN, '<', '/dev/null';
    open STDOUT, '>>', "$folder/log/$command[0].out";
    open STDERR, '>&', \*STDOUT;
    exec { $command[0] } @command or POSIX::_exit(127);
  }
  $started{$pid} = 1;
  print "started $pid\n";
}

sub bury {
  while ((my $pid = waitpid -1, WNOHANG) > 0) {
    delete $started{$pid};
    print "ended $pid\n";
  }
}

sub namespace_of {
  my @file = stat "/proc/$_[0]/ns/mnt";
  return @file ? "$file[0]:$file[1]" : '';
}
