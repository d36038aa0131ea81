import type { Logger } from '../platform/log.ts'

/**
 * Runs every step, even if earlier steps fail.
 * @returns whether a step returned true or failed, since a failed step may have changed something
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

/**
 * Returns a function that logs only an agent's first failure, because most failures persist and would be
 * logged for each line.
 */
export function logOnce(logger: Logger, message: string) {
  const told = new WeakSet<object>()
  return (agent: { id: string }, error: unknown) => {
    if (told.has(agent)) return
    told.add(agent)
    logger.error({ agent_id: agent.id, err: error }, message)
  }
}
