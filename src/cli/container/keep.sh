# Keeps the daemon running for as long as its container is to last, and reaps what agents leave behind: a shell that
# waits reaps every orphan. usage: sh -c SCRIPT sh PROGRAM [ARGUMENT...]
# Its variables have names of their own: an agent may be given others of the container.
keep_stop=""
# First of all: process 1 does not hear a signal without this.
trap 'keep_stop=1' 2 3 15 30 37
export FOMULAR_DAEMON_NO_SELF_RELAUNCH=1 FOMULAR_DAEMON_KEEPER=$$
keep_child="" keep_own=""
[ ! -r /proc/$$/comm ] || read -r keep_own </proc/$$/comm
# Whether the daemon hears signals. It then catches SIGCONT, bit 17 of what /proc lists as caught; without /proc it does.
hears() {
  { read -r keep_name <"/proc/$keep_child/comm"; } 2>/dev/null || return 0
  # A copy of this shell, which is about to become the daemon, still has the handlers below.
  [ "$keep_name" != "$keep_own" ] || return 1
  while read -r keep_name keep_caught; do
    case $keep_name$keep_caught in SigCgt:*[2367abef]????) return 0 ;; esac
  done 2>/dev/null <"/proc/$keep_child/status"
  return 1
}
# A daemon that does not hear signals yet would be killed, and its agents would not be ended gracefully.
tell() {
  [ -n "$keep_child" ] || return 0
  until hears || [ $(($(date +%s) - keep_since)) -gt 5 ]; do sleep 0.05; done
  kill -s "$1" "$keep_child" 2>/dev/null
}
# By their numbers: QUIT, PWR (lxc-stop) and RTMIN+3 (podman, for what it takes for systemd).
trap 'keep_stop=1; tell TERM' 3 15 30 37
trap 'keep_stop=1; tell INT' 2
trap 'tell HUP' 1
# Says that this shell hears signals.
trap : 18
# In a session of its own: else a Ctrl-C reaches it twice, from the terminal and from here, which means to hurry.
keep_session=$(command -v setsid)
# Starts that failed one after the other.
keep_failed=0 keep_first=1
while :; do
  keep_since=$(date +%s)
  $keep_session "$@" <&0 &
  keep_child=$!
  [ -z "$keep_stop" ] || tell TERM
  # `wait` also returns when a signal is trapped.
  while :; do
    wait "$keep_child"
    keep_status=$?
    [ "$keep_status" -gt 128 ] && kill -0 "$keep_child" 2>/dev/null || break
  done
  # A signal may have come at the same time as the end.
  [ "$keep_status" -le 128 ] || { wait "$keep_child"; keep_again=$?; [ "$keep_again" = 127 ] || keep_status=$keep_again; }
  keep_child=
  case $keep_status in
  0 | 2 | 4) break ;;
  75)
    keep_failed=0
    # A daemon that asks for it at once, each time, would take a processor for itself.
    [ -n "$keep_stop" ] || [ $(($(date +%s) - keep_since)) -gt 1 ] || sleep 1
    ;;
  *)
    [ $(($(date +%s) - keep_since)) -lt 10 ] || keep_failed=0 keep_first=""
    # It says itself why it cannot start, and there are no agents yet to look after.
    [ -z "$keep_first" ] || [ "$keep_status" -gt 128 ] || break
    keep_failed=$((keep_failed + 1))
    [ "$keep_failed" -le 3 ] || break
    [ -n "$keep_stop" ] || sleep "$keep_failed"
    ;;
  esac
  keep_first=""
  [ -z "$keep_stop" ] || break
done
# With the first process, the system kills all others. Those that are left may end by themselves.
if [ $$ = 1 ] && kill -TERM -1 2>/dev/null; then
  for _ in 1 2 3 4 5 6 7 8 9 10; do
    kill -0 -1 2>/dev/null || break
    sleep 0.2
  done
fi
exit "$keep_status"
