# Runs programs and tells what each took as a whole, with all its children. Started by stopwatch.ts.
#
# Reads on stdin:  one line a call, its words ended by NUL bytes
# Says on stdout:  WALL CPU CODE for each, in microseconds
#
# bash's time has milliseconds and GNU time hundredths of a second: too coarse for a call of 5 ms.
use strict;
use warnings;
use Time::HiRes qw(clock_gettime CLOCK_MONOTONIC);

# x86_64: getrusage(RUSAGE_CHILDREN), whose answer begins with user and system time, each as seconds and microseconds.
# Source: asm/unistd_64.h, linux/resource.h
sub children_us {
  my $usage = "\0" x 144;
  syscall(98, -1, $usage) == 0 or die "getrusage: $!";
  my ($user_s, $user_us, $system_s, $system_us) = unpack 'q4', $usage;
  return ($user_s + $system_s) * 1_000_000 + $user_us + $system_us;
}

# What the programs inherit is made once: work between fork and exec would count as theirs. The copies close at exec.
open my $calls, '<&', \*STDIN or die "stdin: $!";
open my $answers, '>&', \*STDOUT or die "stdout: $!";
$answers->autoflush(1);
open STDIN, '<', '/dev/null' or die "/dev/null: $!";
open STDOUT, '>', '/dev/null' or die "/dev/null: $!";
open STDERR, '>', '/dev/null' or die "/dev/null: $!";

while (my $line = <$calls>) {
  chomp $line;
  my @words = split /\0/, $line, -1;
  pop @words;
  my $cpu = children_us();
  my $since = clock_gettime(CLOCK_MONOTONIC);
  my $pid = fork // die "fork: $!";
  if ($pid == 0) {
    exec { $words[0] } @words or kill 'KILL', $$;
  }
  waitpid $pid, 0;
  my $wall = (clock_gettime(CLOCK_MONOTONIC) - $since) * 1_000_000;
  my $code = $? & 127 ? 128 + ($? & 127) : $? >> 8;
  printf $answers "%d %d %d\n", $wall, children_us() - $cpu, $code;
}
