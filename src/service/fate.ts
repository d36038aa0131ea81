import type { ProcessIdentity } from '../platform/process-identity.ts'

/**
 * Describes a supervisor that ends agents together with the daemon. Each agent's control group decides: some agents may
 * be out of the supervisor's reach.
 */
export interface Fate {
  /** The supervisor, as part of a sentence: `the unit fomular`. */
  by: string
  /** A sentence that says that agents end with the daemon, and names the responsible setting. */
  message: string
  /** The change that lets agents outlive the daemon. */
  remedy: string
  /** Reports whether this process ends with the daemon. */
  ends(process: ProcessIdentity): boolean
  /** A way to start new agents out of the supervisor's reach; absent if there is none. */
  shelter?: Shelter
}

interface Command {
  argv: [file: string, ...args: string[]]
  env: NodeJS.ProcessEnv
}

/** A place for programs that must outlive the daemon. */
export interface Shelter {
  /** The place, as part of a sentence: `scopes of the systemd of bob`. */
  where: string
  /**
   * Returns the command and environment that run `argv` with `env` in this place.
   * @param name unique in this place, also over time; letters, digits, `.`, `_` and `-`
   */
  command(argv: readonly string[], env: NodeJS.ProcessEnv, name: string): Command
}
