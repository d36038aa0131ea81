import type { ProcessIdentity } from '../platform/process-identity.ts'

/**
 * Describes a supervisor that ends agents together with the daemon. Whether the supervisor ends an agent
 * depends on the agent's control group.
 */
export interface Fate {
  /** Name of the supervisor for use in a sentence: `the unit fomular`. */
  by: string
  /** A sentence that says that agents end with the daemon, and names the responsible setting. */
  message: string
  /** The change that lets agents outlive the daemon. */
  remedy: string
  /** Reports whether a process ends with the daemon. */
  ends(process: ProcessIdentity): boolean
  /** A way to start new agents so that the supervisor does not end them; absent if there is none. */
  shelter?: Shelter
}

interface Command {
  argv: [file: string, ...args: string[]]
  env: NodeJS.ProcessEnv
}

/** A place for programs that must outlive the daemon. */
export interface Shelter {
  /** Name of the place for use in a sentence: `scopes of bob's systemd`. */
  where: string
  /**
   * Returns the command and environment that run `argv` with `env` in this place.
   * @param name consists of letters, digits, `.`, `_`, and `-`, and was never used before in this place
   */
  command(argv: readonly string[], env: NodeJS.ProcessEnv, name: string): Command
}
