# Prints the names of the services that `fomular-daemon service install` made with this package's program.
made() {
  for file in /etc/systemd/system/*.service; do
    if [ ! -f "$file" ] || [ -L "$file" ]; then continue; fi
    grep -q '^# fomular-daemon service {' "$file" || continue
    grep -Eq '^ExecStart="?/usr/(bin|lib/fomular-daemon)/fomular-daemon("|[[:space:]]|$)' "$file" || continue
    basename "$file" .service
  done
}
