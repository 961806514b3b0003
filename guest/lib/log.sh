# What is said goes to the journal (standard output), to syslog where there is no journal, and to the console.

say() {
  echo "vcs-net-reconfig: $*"
  if [ ! -d /run/systemd/journal ] && command -v logger >/dev/null; then
    logger -t vcs-net-reconfig -- "$*" 2>/dev/null
  fi
  # in a subshell: a console that cannot be opened would end the shell
  (echo "vcs-net-reconfig: $*" >>/dev/console) 2>/dev/null
  return 0
}

fail() {
  say "error: $*"
  exit 1
}
