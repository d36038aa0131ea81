# Prints the names of the services that run this package's program and were made by `fomular-daemon service
# install`.
made() {
  for file in /etc/systemd/system/*.service; do
    if [ ! -f "$file" ] || [ -L "$file" ]; then continue; fi
    grep -q '^# fomular-daemon service {' "$file" || continue
    grep -Eq '^ExecStart="?/usr/(bin|lib/fomular-daemon)/fomular-daemon("|[[:space:]]|$)' "$file" || continue
    basename "$file" .service
  done
}
