import type { ProcessIdentity } from '../platform/process-identity.ts'
import { unitFate } from './unit-fate.ts'

/**
 * What becomes of agents when the daemon ends, where whatever runs the daemon ends them with it. An agent's own place
 * decides: some may be within its reach and others not.
 */
export interface Fate {
  /** Who ends them, within a sentence: `the unit fomular`. */
  by: string
  /** A sentence: that it does so, and by which of its settings. */
  message: string
  /** What to do for agents to live on. */
  remedy: string
  /** Whether this process ends with the daemon. */
  ends(process: ProcessIdentity): boolean
  /** How new agents can be started beyond its reach, where they can. */
  shelter?: Shelter
}

interface Command {
  argv: [file: string, ...args: string[]]
  env: NodeJS.ProcessEnv
}

/** A way to start a program where the daemon's end does not reach it. */
export interface Shelter {
  /** Where that is, within a sentence: `scopes of the systemd of bob`. */
  where: string
  /**
   * The command and its environment that become `argv` with `env` there.
   * @param name tells it from all others there, now and later: letters, digits, `.`, `_` and `-`
   */
  command(argv: readonly string[], env: NodeJS.ProcessEnv, name: string): Command
}

/** Each knows one way in which a daemon is run. The first that says something counts. */
const FINDERS: ((pid: number, env: NodeJS.ProcessEnv) => Promise<Fate | undefined>)[] = [unitFate]

/**
 * What becomes of agents when the daemon `pid` ends; undefined where they live on. Asks the system's programs, each for a
 * few seconds at most. Never throws.
 */
export async function findFate(pid: number, env: NodeJS.ProcessEnv): Promise<Fate | undefined> {
  for (const find of FINDERS) {
    const fate = await find(pid, env).catch(() => undefined)
    if (fate) return fate
  }
  return undefined
}
