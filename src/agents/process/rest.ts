import { writeAtomic } from '../../platform/files.ts'
import type { Agent } from '../agent.ts'

/**
 * Reports whether the machine stopped, or is stopping, the agent because it was idle. Its next prompt starts
 * it again.
 */
export const isResting = (agent: Agent) =>
  agent.run.resting === true && (agent.hasEnded || agent.snapshot.state === 'stopping')

/** Records that the agent's next prompt starts it again. @throws the system error */
export const beginRest = (agent: Agent) => change(agent, { ...agent.run, resting: true })

/** Keeps the agent's next prompt from starting it. @throws the system error */
export function endRest(agent: Agent) {
  const { resting, ...run } = agent.run
  if (resting) change(agent, run)
}

function change(agent: Agent, run: Agent['run']) {
  writeAtomic(agent.folder.run, JSON.stringify(run), { durable: true })
  agent.run = run
}
