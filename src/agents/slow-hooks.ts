import type { Agent } from './agent.ts'
import { problemsOf } from './faults.ts'

const told = new WeakMap<Agent, number>()

/** Has the agent's status sent when a hook has been running for long, and when it has ended after that: no event says so. */
export function checkHooks(agent: Agent, now: number) {
  const count = agent.ended ? 0 : problemsOf(agent.snapshot, now).length
  if (count === (told.get(agent) ?? 0)) return
  told.set(agent, count)
  agent.touch()
}
