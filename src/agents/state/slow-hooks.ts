import type { Agent } from '../agent.ts'
import { problemsOf } from './problems.ts'

const told = new WeakMap<Agent, number>()

/**
 * Sends the agent's status if the number of the agent's problems has changed without an event. For example, a
 * hook becomes a problem once it has run for too long.
 */
export function checkHooks(agent: Agent, now: number) {
  const count = agent.hasEnded ? 0 : problemsOf(agent.snapshot, now).length
  if (count === (told.get(agent) ?? 0)) return
  told.set(agent, count)
  agent.touch()
}
