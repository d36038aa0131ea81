/** What this program's exit code says. Shown in its help. */
export const EXIT = {
  ok: 0,
  failure: 1,
  usage: 2,
  /** An agent's turn, or the agent itself, failed. */
  agent: 3,
  /** What was named is not there, or the command was refused. */
  refused: 4,
  /** The daemon asks its supervisor for a new start. */
  restart: 75,
  /** Ctrl-C, as a shell reports it. */
  interrupted: 130,
} as const
