import type { Agent } from '../agent.ts'
import { problemsOf } from './problems.ts'

const told = new WeakMap<Agent, number>()

/** Sends the agent's status when a running hook becomes slow, because no event reports this. */
export function checkHooks(agent: Agent, now: number) {
  const count = agent.hasEnded ? 0 : problemsOf(agent.snapshot, now).length
  if (count === (told.get(agent) ?? 0)) return
  told.set(agent, count)
  agent.touch()
}
