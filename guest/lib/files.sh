# Files are changed so that all of it can be undone, also after a power cut in the middle.

backup=$state/backup

begin_backup() {
  rm -rf "$backup" && mkdir -m 700 "$backup" && : >"$backup/unfinished" && : >"$backup/kept" && : >"$backup/created" \
    || fail "$backup cannot be made"
}

# The settings are in place: a cut between the two lines makes it apply them again, which changes nothing.
end_backup() {
  sync
  rm -f "$backup/unfinished"
  echo "$checksum" >"$state/applied.new" && mv -f "$state/applied.new" "$state/applied"
  sync
}

# Remembers a file as it is now, or that there is none; the first time counts.
keep() {
  if grep -Fqx "$1" "$backup/kept" "$backup/created"; then return 0; fi
  if [ ! -e "$1" ] && [ ! -L "$1" ]; then
    echo "$1" >>"$backup/created" && sync
    return
  fi
  mkdir -p "$backup/files${1%/*}" && cp -pP "$1" "$backup/files$1" && sync && echo "$1" >>"$backup/kept"
}

# put_file FILE [MODE]: gives a file the content of standard input.
put_file() {
  keep "$1" || return 1
  aside=${1%/*}/.${1##*/}.vcs-net-reconfig
  mkdir -p "${1%/*}" || return 1
  if [ -f "$1" ]; then cp -p "$1" "$aside" || return 1; fi
  cat >"$aside" || return 1
  if [ -n "${2:-}" ]; then chmod "$2" "$aside" || return 1; fi
  mv -f "$aside" "$1" || return 1
  if command -v restorecon >/dev/null; then restorecon "$1"; fi
  return 0
}

restore_backup() {
  while IFS= read -r file; do
    rm -f "$file"
  done <"$backup/created"
  while IFS= read -r file; do
    cp -pP "$backup/files$file" "${file%/*}/.restored.vcs-net-reconfig" && mv -f "${file%/*}/.restored.vcs-net-reconfig" "$file" \
      || say "error: $file cannot be restored, its copy is $backup/files$file"
  done <"$backup/kept"
  rm -f "$backup/unfinished"
  sync
}

restore_unfinished() {
  [ -e "$backup/unfinished" ] || return 0
  say "an earlier run was cut off: what was before is put back"
  restore_backup
}
