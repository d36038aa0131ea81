/** Remedy for a missing, expired, or refused login of Claude Code. */
export const LOGIN_REMEDY =
  'Run `claude` on this machine as the user that agents run as and use /login, or set ANTHROPIC_API_KEY for the daemon.'
