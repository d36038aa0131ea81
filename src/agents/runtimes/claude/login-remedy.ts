/** Remedy for a missing, expired, or refused login of Claude Code. */
export const LOGIN_REMEDY =
  'On this machine, run `claude` as the user of the agents and use /login, or set ANTHROPIC_API_KEY for the daemon.'
