#!/bin/sh
# A stand-in for Claude Code on an emulated machine. It speaks only the part of stream-json that the daemon
# needs. It holds BALLAST MiB of memory, and understands these prompts:
#
#     grow N    uses N MiB of memory in a separate program
#     fork N    starts N programs
#     leave     starts programs that leave their parents, session, and environment
case " $* " in
*' --version '*) echo '2.1.330 (Claude Code)'; exit ;;
*' auth '*) echo '{"loggedIn":true,"authMethod":"api_key","loginExpiresAt":null}'; exit ;;
esac

say() { printf '%s\n' "$1"; }
hold() { { head -c "$1M" /dev/zero; sleep 100000; } | tail -c "$(($1 + 1))M" > /dev/null & }

session=
for argument in "$@"; do
  case $argument in --session-id=* | --resume=*) session=${argument#*=} ;; esac
done
# The memory is in use before the agent is ready, as with a real program.
[ "${BALLAST:-0}" -gt 0 ] && ballast=$(head -c "${BALLAST}M" /dev/zero | tr '\0' x)

while read -r line; do
  case $line in
  *'"request_id"'*)
    id=${line#*'"request_id":"'}
    say "{\"type\":\"control_response\",\"response\":{\"subtype\":\"success\",\"request_id\":\"${id%%'"'*}\"}}"
    ;;
  *'grow '*) number=${line#*'grow '}; hold "${number%%'"'*}" ;;
  *'fork '*)
    number=${line#*'fork '}
    number=${number%%'"'*}
    while [ "$number" -gt 0 ]; do sleep 100001 & number=$((number - 1)); done
    ;;
  *'leave'*)
    (setsid env -i sleep 100002 &)
    (setsid sh -c 'env -i setsid sleep 100002 &' &)
    (env -i setsid sh -c 'trap "" TERM HUP INT; while :; do sleep 100002; done' &)
    ;;
  esac
  case $line in *end_session*) exit 0 ;; esac
done
