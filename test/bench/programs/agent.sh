#!/bin/sh
# A minimal agent: answers the initialization, and then waits in read(2) until it is ended.
case $1 in
  --version) echo '2.1.330 (Claude Code)'; exit ;;
  auth) echo '{"loggedIn":true}'; exit ;;
esac
while read -r line; do
  case $line in
    *'"subtype":"initialize"'*)
      id=${line#*'"request_id":"'}
      printf '{"type":"control_response","response":{"subtype":"success","request_id":"%s","response":{}}}\n' "${id%%'"'*}"
      ;;
    *'"subtype":"end_session"'*) exit 0 ;;
  esac
done
