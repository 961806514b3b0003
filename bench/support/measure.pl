# Runs programs and tells what each took as a whole, with all its children. Started by stopwatch.ts.
#
# Reads on stdin:  one line a call, its words ended by NUL bytes
# Says on stdout:  WALL CPU CODE for each, in microseconds
#
# bash's time has milliseconds and GNU time hundredths of a second: too coarse for a call of 5 ms.
use strict;
use warnings;
use POSIX ();
use Time::HiRes qw(clock_gettime CLOCK_MONOTONIC);

# x86_64: getrusage(RUSAGE_CHILDREN), whose answer begins with user and system time, each as seconds and microseconds.
# Source: asm/unistd_64.h, linux/resource.h
sub children_us {
  my $usage = "\0" x 144;
  syscall(98, -1, $usage) == 0 or die "getrusage: $!";
  my ($user_s, $user_us, $system_s, $system_us) = unpack 'q4', $usage;
  return ($user_s + $system_s) * 1_000_000 + $user_us + $system_us;
}

$| = 1;
while (my $line = <STDIN>) {
  chomp $line;
  my @words = split /\0/, $line, -1;
  pop @words;
  my $cpu = children_us();
  my $since = clock_gettime(CLOCK_MONOTONIC);
  my $pid = fork // die "fork: $!";
  if ($pid == 0) {
    open STDIN, '<', '/dev/null';
    open STDOUT, '>', '/dev/null';
    open STDERR, '>', '/dev/null';
    exec { $words[0] } @words or POSIX::_exit(127);
  }
  waitpid $pid, 0;
  my $wall = (clock_gettime(CLOCK_MONOTONIC) - $since) * 1_000_000;
  printf "%d %d %d\n", $wall, children_us() - $cpu, $? >> 8;
}
