import type { Fate } from './fate.ts'
import { unitFate } from './unit-fate.ts'

/**
 * Functions that look for a supervisor, one function for each kind of supervisor. The first result is used.
 */
const FINDERS: ((pid: number, env: NodeJS.ProcessEnv) => Promise<Fate | undefined>)[] = [unitFate]

/**
 * Finds the supervisor that ends agents together with the daemon `pid`; undefined if agents outlive the
 * daemon. Runs programs such as `systemctl`, each for a few seconds at most. Never throws.
 */
export async function findFate(pid: number, env: NodeJS.ProcessEnv): Promise<Fate | undefined> {
  for (const find of FINDERS) {
    const fate = await find(pid, env).catch(() => undefined)
    if (fate) return fate
  }
  return undefined
}
