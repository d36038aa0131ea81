# Keeps the daemon running for as long as its container is to last, and reaps what agents leave behind: a shell that
# waits reaps every orphan. usage: sh -c SCRIPT sh PROGRAM [ARGUMENT...]
# First of all: process 1 does not hear a signal without this.
trap 'stop=1' 2 3 15 30 37
export FOMULAR_DAEMON_NO_SELF_RELAUNCH=1 FOMULAR_DAEMON_KEEPER=$$
child="" own=""
[ ! -r /proc/$$/comm ] || read -r own </proc/$$/comm
# Whether the daemon hears signals. It then catches SIGCONT, bit 17 of what /proc lists as caught; without /proc it does.
hears() {
  { read -r name <"/proc/$child/comm"; } 2>/dev/null || return 0
  # A copy of this shell, which is about to become the daemon, still has the handlers below.
  [ "$name" != "$own" ] || return 1
  while read -r name caught; do
    case $name$caught in SigCgt:*[2367abef]????) return 0 ;; esac
  done 2>/dev/null <"/proc/$child/status"
  return 1
}
# A daemon that does not hear signals yet would be killed, and its agents would not be ended gracefully.
tell() {
  [ -n "$child" ] || return 0
  until hears || [ $(($(date +%s) - since)) -gt 5 ]; do sleep 0.05; done
  kill -s "$1" "$child" 2>/dev/null
}
# By their numbers: QUIT, PWR (lxc-stop) and RTMIN+3 (podman, for what it takes for systemd).
trap 'stop=1; tell TERM' 3 15 30 37
trap 'stop=1; tell INT' 2
trap 'tell HUP' 1
# Says that this shell hears signals.
trap : 18
# In a session of its own: else a Ctrl-C reaches it twice, from the terminal and from here, which means to hurry.
session=$(command -v setsid)
# Starts that failed one after the other.
failed=0 first=1
while :; do
  since=$(date +%s)
  $session "$@" <&0 &
  child=$!
  [ -z "$stop" ] || tell TERM
  # `wait` also returns when a signal is trapped.
  while :; do
    wait "$child"
    status=$?
    [ "$status" -gt 128 ] && kill -0 "$child" 2>/dev/null || break
  done
  # A signal may have come at the same time as the end.
  [ "$status" -le 128 ] || { wait "$child"; again=$?; [ "$again" = 127 ] || status=$again; }
  child=
  case $status in
  0 | 2 | 4) break ;;
  75)
    failed=0
    # A daemon that asks for it at once, each time, would take a processor for itself.
    [ -n "$stop" ] || [ $(($(date +%s) - since)) -gt 1 ] || sleep 1
    ;;
  *)
    [ $(($(date +%s) - since)) -lt 10 ] || failed=0 first=""
    # It says itself why it cannot start, and there are no agents yet to look after.
    [ -z "$first" ] || [ "$status" -gt 128 ] || break
    failed=$((failed + 1))
    [ "$failed" -le 3 ] || break
    [ -n "$stop" ] || sleep "$failed"
    ;;
  esac
  first=""
  [ -z "$stop" ] || break
done
# With the first process, the system kills all others. Those that are left may end by themselves.
if [ $$ = 1 ] && kill -TERM -1 2>/dev/null; then
  for _ in 1 2 3 4 5 6 7 8 9 10; do
    kill -0 -1 2>/dev/null || break
    sleep 0.2
  done
fi
exit "$status"
