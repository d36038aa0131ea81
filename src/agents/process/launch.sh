#!/bin/sh
# Runs one agent until it ends. This script needs no daemon: the agent's input, output and end are files in the
# agent's folder.
#
# Starting a program takes longer than everything else here. Until the agent has its first input, this script therefore
# starts only the program mkfifo, and does the rest with commands of the shell.
#
# usage: launch.sh FOLDER RUN TIME BOOT_ID LEASE_S LEASE_ACTION STATE_PATTERN IDLE_PATTERN TASKS_PATTERN NO_TASKS_PATTERN GROUP LIMITED PROGRAM [ARGUMENT...]
umask 077
d=$1 run=$2 time=$3 boot=$4
shift 4
lease_s=$1 lease_action=$2 state_pattern=$3 idle_pattern=$4 tasks_pattern=$5 no_tasks_pattern=$6
# The control group of this run, and whether its limits must apply. Both may be empty.
cgroup=$7 limited=$8
shift 8

# Creating this file claims the run. A second launcher for the same run exits here.
set -C
{ true >"$d/run.$run"; } 2>/dev/null || exit 0
set +C

# The leading newline ends a line that an earlier run may have left incomplete.
note() { printf '\n{"type":"launcher","subtype":"%s","run":%s,"time":"%s"%s}\n' "$1" "$run" "$time" "$2" >>"$d/activity.jsonl"; }

# Sets `identity` to the identity of a process: pid and start time, which is field 22 of its stat, counted from the
# end of the name, since the name may contain any character.
identify() {
  pid=$1
  if [ -r "/proc/$pid/stat" ]; then
    read -r stat <"/proc/$pid/stat"
    set -- ${stat##*) }
    start=${20}
  else
    start=$(LC_ALL=C ps -o lstart= -p "$pid" | sed 's/^ *//; s/ *$//')
  fi
  identity="{\"pid\":$pid,\"start\":\"$start\",\"boot_id\":\"$boot\"}"
}

# Writes the first input of a run to the agent. The shell itself can read this input, because the input is short. The
# feeder ends if it cannot delete the file, so that the input is written to the agent only once.
feed_first() { IFS= read -r line <"$1" && printf '%s\n' "$line" >&4 && rm -f "$1"; }

# Moves input from in/ to fed/ and writes it to the agent. The rename ensures that each file is written to the
# agent only once. Prompts stay there until the daemon has seen that the agent confirms them.
feed() {
  exec 3<>"$d/bell" 4>"$d/stdin"
  while :; do
    for f in "$d"/in/*; do
      [ -f "$f" ] || continue
      name=${f##*/}
      case $name in 000000000000_control_*) feed_first "$f" && continue || exit ;; esac
      mv "$f" "$d/fed/" && cat "$d/fed/$name" >&4 || continue
      case $name in *_control_*) rm -f "$d/fed/$name" ;; esac
    done
    read -r _ <&3
  done
}

# Reports whether the agent is idle, according to the newest lines about its state and its background tasks.
# If there are no such lines, the agent never had any work. The line about tasks may be far back: the last 256
# MiB of the journal are searched. Zeros are journal bytes whose disk space was freed.
is_idle() {
  tail -c 1048576 "$d/activity.jsonl" | grep -e "$state_pattern" -e '^{"type":"launcher"' | tail -n 1 |
    grep -q -e "$idle_pattern" -e '^{"type":"launcher"' || return 1
  told=$(tail -c 268435456 "$d/activity.jsonl" | tr -d '\000' | grep -e "$tasks_pattern" -e '^{"type":"launcher"' | tail -n 1)
  [ -z "$told" ] || printf '%s\n' "$told" | grep -q -e "$no_tasks_pattern" -e '^{"type":"launcher"'
}

# Reports whether the agent is still the process that was started. Without its launcher, its pid may have been reused.
is_there() { identify "$agent" && [ "$identity" = "$agent_identity" ]; }

# Ends the agent when the number in the file `lease` has not changed for lease_s seconds. Time during which
# the machine is suspended does not count, because `sleep` does not measure it.
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

# Prints the real user of a process.
user_of() {
  while read -r name user _; do
    [ "$name" != Uid: ] || echo "$user"
  done <"/proc/$1/status"
}

# Reports whether a process belongs to this user, or to the user that the agent runs as, and carries the secret of this
# run. The shell compares the secret itself, since other users could read it in a program's arguments.
is_marked() {
  case $(user_of "$1") in "$(user_of $$)" | "${FOMULAR_AGENT_UID:-none}") ;; *) return 1 ;; esac
  tr '\0' '\n' <"/proc/$1/environ" | while IFS= read -r line; do
    [ "$line" != "FOMULAR_AGENT_MARK=$FOMULAR_AGENT_MARK" ] || echo marked
  done | grep -q marked
}

# Ends all processes that carry the secret of this run, if environments are readable. Called only when a lease has
# expired; in all other cases, the daemon ends these processes.
clear_up() {
  [ -n "$FOMULAR_AGENT_MARK" ] || return 0
  for signal in TERM KILL; do
    for p in $(grep -lsF "FOMULAR_AGENT=$d" /proc/[0-9]*/environ); do
      p=${p#/proc/} p=${p%/environ}
      [ "$p" != $$ ] && is_marked "$p" && kill -$signal "$p"
    done 2>/dev/null
    sleep 1
  done
  [ -z "$cgroup" ] || { echo 1 >"$cgroup/cgroup.kill"; } 2>/dev/null
}

# Moves the agent into the control group of this run. All its processes stay there, even if they clear their
# environment or lose their parents. The launcher stays outside, so that it can record the end of an agent that has
# reached its limits. Ends the agent if it would run without limits that the machine's policy or the agent's
# specification demands.
enter_group() {
  # The kernel takes 0 as the pid of the writing process.
  [ -n "$cgroup" ] && { echo 0 >"$cgroup/cgroup.procs"; } 2>/dev/null && return
  [ -n "$limited" ] || return 0
  echo "The agent cannot enter the control group $cgroup, so it would run without its limits." >&2
  exit 126
}

# Makes the kernel end the agent before its launcher and the daemon when the machine runs out of memory.
yield_memory() {
  { read -r score </proc/self/oom_score_adj && [ "$score" -lt 300 ] && echo 300 >/proc/self/oom_score_adj; } 2>/dev/null
}

# Only later runs find files of an earlier launcher.
[ "$run" = 1 ] || rm -f "$d/stdin" "$d/bell" "$d/exit.json" "$d/lease.expired" "$d/process.tmp" "$d/exit.tmp"
mkfifo "$d/stdin" "$d/bell" || exit 1
note started || exit 1

trap : HUP INT TERM
# The agent also has its own input open for writing, so that it never sees an end of file. The agent's variables and
# umask are set last, so that only its program runs with them.
{ enter_group; yield_memory; . "$d/env.sh"; exec "$@"; } 0<>"$d/stdin" >>"$d/activity.jsonl" 2>>"$d/stderr.log" &
agent=$!
feed </dev/null >/dev/null 2>&1 &
feeder=$!
identify "$agent"
agent_identity=$identity
leaser=
[ "$lease_s" = 0 ] || { lease </dev/null >/dev/null 2>&1 & leaser=$!; }

# An agent without this record must not run, since no daemon could find it again.
identify "$feeder"
feeder_identity=$identity
identify $$
printf '{"version":1,"run":%s,"launcher":%s,"agent":%s,"feeder":%s}\n' \
  "$run" "$identity" "$agent_identity" "$feeder_identity" >"$d/process.tmp" &&
  mv "$d/process.tmp" "$d/process.json" || kill -KILL "$agent"

# `wait` also returns when a signal is trapped. An agent that is not reaped yet still has its pid.
code=127
while :; do
  wait "$agent"
  status=$?
  [ "$status" = 127 ] && break
  code=$status
  kill -0 "$agent" 2>/dev/null || break
done

# Do not use SIGTERM: a subshell that was just forked still has the trap above and would ignore SIGTERM.
kill -KILL $feeder $leaser 2>/dev/null
reason=
[ ! -e "$d/lease.expired" ] || reason=',"reason":"lease"'
# On a full disk, record the end when there is space again.
again() { [ -d "$d" ] && sleep 2 || exit; }
time=$(date -u +%Y-%m-%dT%H:%M:%SZ)
until note exited ",\"code\":$code$reason"; do again; done
until printf '{"version":1,"run":%s,"code":%s%s}\n' "$run" "$code" "$reason" >"$d/exit.tmp" &&
  mv "$d/exit.tmp" "$d/exit.json"; do again; done
[ -z "$reason" ] || clear_up
