import type { Logger } from '../platform/log.ts'
import type { Agent } from './agent.ts'

/**
 * Takes each step whether or not the ones before it failed.
 * @returns whether one of them says that something has changed; one that failed may have changed something
 */
export function attempt(steps: (() => unknown)[], failed: (error: unknown) => void): boolean {
  let changed = false
  for (const step of steps)
    try {
      changed = step() === true || changed
    } catch (error) {
      changed = true
      failed(error)
    }
  return changed
}

/** Logs a failure of an agent's once: its cause is mostly there to stay, and each line of its journal would repeat it. */
export function logOnce(logger: Logger, message: string) {
  let told = false
  return ({ id }: Agent, error: unknown) => {
    if (told) return
    told = true
    logger.error({ agent_id: id, err: error }, message)
  }
}
