/** Exit codes of this program, as listed in its help. */
export const EXIT = {
  ok: 0,
  failure: 1,
  usage: 2,
  /** The agent or its turn failed. */
  agent: 3,
  /** Not found, or refused. */
  refused: 4,
  /** The daemon asks its supervisor to restart it. */
  restart: 75,
  /** Interrupted by Ctrl-C; the value that shells report. */
  interrupted: 130,
} as const
