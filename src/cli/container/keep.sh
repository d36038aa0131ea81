# Keeps the daemon running for the life of its container, and reaps orphans of agents through `wait`.
# usage: sh -c SCRIPT sh PROGRAM [ARGUMENT...]
# All variables have the prefix keep_, so that they replace no variable of the container. Agents inherit the
# container's variables.
keep_stop=""
# This trap must come first: process 1 receives only signals that it traps.
trap 'keep_stop=1' 2 3 15 30 37
export FOMULAR_DAEMON_NO_SELF_RELAUNCH=1 FOMULAR_DAEMON_KEEPER=$$
keep_child="" keep_own=""
[ ! -r /proc/$$/comm ] || read -r keep_own </proc/$$/comm
# Succeeds if the daemon handles signals, or if there is no /proc. A daemon that handles signals catches
# SIGCONT, bit 17 of SigCgt.
hears() {
  { read -r keep_name <"/proc/$keep_child/comm"; } 2>/dev/null || return 0
  # Before the forked shell executes the daemon, it still has the handlers below.
  [ "$keep_name" != "$keep_own" ] || return 1
  while read -r keep_name keep_caught; do
    case $keep_name$keep_caught in SigCgt:*[2367abef]????) return 0 ;; esac
  done 2>/dev/null <"/proc/$keep_child/status"
  return 1
}
# Passes a signal to the daemon once the daemon handles signals. An earlier signal would kill the daemon
# before it could stop agents.
tell() {
  [ -n "$keep_child" ] || return 0
  until hears || [ $(($(date +%s) - keep_since)) -gt 5 ]; do sleep 0.05; done
  kill -s "$1" "$keep_child" 2>/dev/null
}
# Traps QUIT, TERM, PWR (from lxc-stop), and RTMIN+3 (from podman, for a container that it believes to run
# systemd).
trap 'keep_stop=1; tell TERM' 3 15 30 37
trap 'keep_stop=1; tell INT' 2
trap 'tell HUP' 1
# Shows that this shell handles signals.
trap : 18
# The daemon runs in a separate session. Without this, Ctrl-C would reach the daemon twice, from the terminal
# and from this shell. Two signals mean a fast stop.
keep_session=$(command -v setsid)
# Number of consecutive failed starts.
keep_failed=0 keep_first=1
while :; do
  keep_since=$(date +%s)
  $keep_session "$@" <&0 &
  keep_child=$!
  [ -z "$keep_stop" ] || tell TERM
  # `wait` also returns after a trapped signal.
  while :; do
    wait "$keep_child"
    keep_status=$?
    [ "$keep_status" -gt 128 ] && kill -0 "$keep_child" 2>/dev/null || break
  done
  # A signal may have arrived as the daemon ended.
  [ "$keep_status" -le 128 ] || { wait "$keep_child"; keep_again=$?; [ "$keep_again" = 127 ] || keep_status=$keep_again; }
  keep_child=
  case $keep_status in
  0 | 2 | 4) break ;;
  75)
    keep_failed=0
    # Limit the rate of restarts: a daemon that always asks for a restart at once would use a whole CPU core.
    [ -n "$keep_stop" ] || [ $(($(date +%s) - keep_since)) -gt 1 ] || sleep 1
    ;;
  *)
    [ $(($(date +%s) - keep_since)) -lt 10 ] || keep_failed=0 keep_first=""
    # A first start that fails ends the container: the daemon printed the reason, and no agents run yet.
    [ -z "$keep_first" ] || [ "$keep_status" -gt 128 ] || break
    keep_failed=$((keep_failed + 1))
    [ "$keep_failed" -le 3 ] || break
    [ -n "$keep_stop" ] || sleep "$keep_failed"
    ;;
  esac
  keep_first=""
  [ -z "$keep_stop" ] || break
done
# When process 1 ends, the kernel kills all other processes. Give the remaining processes time to end.
if [ $$ = 1 ] && kill -TERM -1 2>/dev/null; then
  for _ in 1 2 3 4 5 6 7 8 9 10; do
    kill -0 -1 2>/dev/null || break
    sleep 0.2
  done
fi
exit "$keep_status"
