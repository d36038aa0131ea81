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

/** Logs a failure once for each agent: its cause is mostly there to stay, and each line of its journal would repeat it. */
export function logOnce(logger: Logger, message: string) {
  const told = new WeakSet<Agent>()
  return (agent: Agent, error: unknown) => {
    if (told.has(agent)) return
    told.add(agent)
    logger.error({ agent_id: agent.id, err: error }, message)
  }
}
