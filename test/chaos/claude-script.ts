/** A stand-in for Claude Code. It answers the daemon's checks without the cost of a Node process. */
export const claudeScript = (node: string, agent: string) => `#!/bin/sh
case $1 in
--version) echo '2.1.330 (Claude Code)'; exit ;;
auth) echo '{"loggedIn":true,"authMethod":"api_key","loginExpiresAt":null}'; exit ;;
esac
exec '${node}' '${agent}' "$@"
`
