/** Exit codes of this program, as listed in its help. */
export const EXIT = {
  ok: 0,
  failure: 1,
  /** The usage or configuration is invalid, or the state folder is gone. */
  usage: 2,
  /** The agent or its turn failed. */
  agent: 3,
  /** Not found, or refused. */
  refused: 4,
  /**
   * The daemon asks its supervisor to restart it (EX_TEMPFAIL of sysexits.h). This code is not 0, because
   * some supervisors restart a program only after a failure.
   */
  restart: 75,
  /** Interrupted by Ctrl-C; the value that shells report. */
  interrupted: 130,
} as const
