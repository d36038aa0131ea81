#!/bin/sh
# Runs one agent to its end. It needs no daemon: the agent's input, output and end are all files in its folder.
# usage: launch.sh FOLDER RUN BOOT_ID LEASE_S LEASE_ACTION STATE_PATTERN IDLE_PATTERN TASKS_PATTERN NO_TASKS_PATTERN PROGRAM [ARGUMENT...]
mask=$(umask)
umask 077
d=$1 run=$2 boot=$3 lease_s=$4 lease_action=$5 state_pattern=$6 idle_pattern=$7 tasks_pattern=$8 no_tasks_pattern=$9
shift 9

# Whoever makes this folder is the run. A launcher started twice for one run ends here.
mkdir "$d/run.$run" 2>/dev/null || exit 0

# The leading newline ends a line that an earlier run was killed in the middle of.
note() { printf '\n{"type":"launcher","subtype":"%s","run":%s,"time":"%s"%s}\n' "$1" "$run" "$(date -u +%Y-%m-%dT%H:%M:%SZ)" "$2" >>"$d/activity.jsonl"; }

# A process is {pid, start time}: field 22 of its stat, counted from behind the name, which may hold anything.
identity() {
  pid=$1
  if [ -r "/proc/$pid/stat" ]; then
    read -r stat <"/proc/$pid/stat"
    set -- ${stat##*) }
    start=${20}
  else
    start=$(LC_ALL=C ps -o lstart= -p "$pid" | sed 's/^ *//; s/ *$//')
  fi
  printf '{"pid":%s,"start":"%s","boot_id":"%s"}' "$pid" "$start" "$boot"
}

# Moves input from in/ to fed/ to the agent. The rename is the claim: whatever is in fed/ was given to the agent once.
# Prompts stay there until the daemon has seen that the agent has them.
feed() {
  exec 3<>"$d/bell" 4>"$d/stdin"
  while :; do
    for f in "$d"/in/*; do
      name=${f##*/}
      [ -f "$f" ] && mv "$f" "$d/fed/" && cat "$d/fed/$name" >&4 || continue
      case $name in *_control_*) rm -f "$d/fed/$name" ;; esac
    done
    read -r _ <&3
  done
}

# Whether the newest lines on the agent's state and on its background tasks say that it is idle. Without any, the agent
# was never given work. The line on tasks may be far back: 256 MiB are searched, and not all of a journal that may be far
# larger. The zeros are the part of the journal given back to the disk.
is_idle() {
  tail -c 1048576 "$d/activity.jsonl" | grep -e "$state_pattern" -e '^{"type":"launcher"' | tail -n 1 |
    grep -q -e "$idle_pattern" -e '^{"type":"launcher"' || return 1
  told=$(tail -c 268435456 "$d/activity.jsonl" | tr -d '\000' | grep -e "$tasks_pattern" -e '^{"type":"launcher"' | tail -n 1)
  [ -z "$told" ] || printf '%s\n' "$told" | grep -q -e "$no_tasks_pattern" -e '^{"type":"launcher"'
}

# Whether the agent is still the process that was started: without its launcher its pid may be another's by now.
is_there() { [ "$(identity "$agent")" = "$agent_identity" ]; }

# Ends the agent when the number in the file `lease` has not changed for lease_s seconds of this machine being awake:
# `sleep` does not count what the machine sleeps through.
lease() {
  held=0 last=
  step=$((lease_s / 6))
  [ "$step" -ge 5 ] || step=5
  [ "$step" -le 60 ] || step=60
  while sleep "$step" && is_there; do
    now=; { read -r now <"$d/lease"; } 2>/dev/null
    if [ "$now" != "$last" ]; then last=$now held=0; continue; fi
    held=$((held + step))
    [ "$held" -ge "$lease_s" ] || continue
    [ "$lease_action" = stop ] || is_idle || continue
    true >"$d/lease.expired"
    kill -TERM "$agent" && sleep 10 && is_there && kill -KILL "$agent"
  done
}

# The user that a process was started by.
user_of() {
  while read -r name user _; do
    [ "$name" != Uid: ] || echo "$user"
  done <"/proc/$1/status"
}

# Whether a process is of this user and carries the secret of this run. The shell compares: the arguments of a program are
# for everybody to see.
is_marked() {
  [ "$(user_of "$1")" = "$(user_of $$)" ] &&
    tr '\0' '\n' <"/proc/$1/environ" | while IFS= read -r line; do
      [ "$line" != "FOMULAR_AGENT_MARK=$FOMULAR_AGENT_MARK" ] || echo marked
    done | grep -q marked
}

# Ends what carries the mark of this run, where environments can be read. Only after a lease: whoever stops an agent
# clears up behind it, and otherwise that is the daemon.
clear_up() {
  [ -n "$FOMULAR_AGENT_MARK" ] || return 0
  for signal in TERM KILL; do
    for p in $(grep -lsF "FOMULAR_AGENT=$d" /proc/[0-9]*/environ); do
      p=${p#/proc/} p=${p%/environ}
      [ "$p" != $$ ] && is_marked "$p" && kill -$signal "$p"
    done 2>/dev/null
    sleep 1
  done
}

rm -f "$d/stdin" "$d/bell" "$d/exit.json" "$d/lease.expired" "$d/process.tmp" "$d/exit.tmp"
mkfifo "$d/stdin" "$d/bell" || exit 1
note started || exit 1

trap : HUP INT TERM
# The agent holds its own input open for writing too, so it never sees an end of file. What it writes elsewhere is as
# private as its user wants it to be. Its own variables are set last, so that only its program runs with them.
{ umask "$mask"; . "$d/env.sh"; exec "$@"; } 0<>"$d/stdin" >>"$d/activity.jsonl" 2>>"$d/stderr.log" &
agent=$!
agent_identity=$(identity "$agent")
feed </dev/null >/dev/null 2>&1 &
feeder=$!
leaser=
[ "$lease_s" = 0 ] || { lease </dev/null >/dev/null 2>&1 & leaser=$!; }

# An agent that cannot be found again must not run.
printf '{"version":1,"run":%s,"launcher":%s,"agent":%s,"feeder":%s}\n' \
  "$run" "$(identity $$)" "$agent_identity" "$(identity $feeder)" >"$d/process.tmp" &&
  mv "$d/process.tmp" "$d/process.json" || kill -KILL "$agent"

# `wait` also returns when a signal is trapped; an agent that is not reaped yet still has its pid.
code=127
while :; do
  wait "$agent"
  status=$?
  [ "$status" = 127 ] && break
  code=$status
  kill -0 "$agent" 2>/dev/null || break
done

# Not SIGTERM: a shell that has just forked still has the trap above, and would take it for nothing.
kill -KILL $feeder $leaser 2>/dev/null
reason=
[ ! -e "$d/lease.expired" ] || reason=',"reason":"lease"'
# On a full disk the end is written down when there is room again.
again() { [ -d "$d" ] && sleep 2 || exit; }
until note exited ",\"code\":$code$reason"; do again; done
until printf '{"version":1,"run":%s,"code":%s%s}\n' "$run" "$code" "$reason" >"$d/exit.tmp" &&
  mv "$d/exit.tmp" "$d/exit.json"; do again; done
[ -z "$reason" ] || clear_up
