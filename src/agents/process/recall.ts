import { writeAtomic } from '../../platform/files.ts'
import type { Agent } from '../agent.ts'
import { type StopOptions, stop } from './end.ts'

/**
 * Ends an agent that would also end with the daemon. The next daemon starts the agent again. The agent's turn
 * is not interrupted, so that it can continue, and waiting prompts are kept.
 * @param why reason, as a sentence
 */
export async function recall(agent: Agent, why: string, options: Omit<StopOptions, 'cause'>): Promise<void> {
  if (agent.hasEnded) return
  const { stopping } = agent.snapshot
  // An earlier stop is still in progress, so the agent must not be restarted.
  if (stopping && !agent.run.recall) return stop(agent, { ...options, cause: stopping })
  // Record this first, so that the next daemon restarts the agent even if this daemon is killed in the
  // meantime.
  if (agent.run.recall?.why !== why) haveBack(agent, why)
  agent.returning = true
  await stop(agent, { ...options, cause: 'recalled' })
}

/** Makes the next daemon start the agent again, regardless of its restart policy. @throws the system error */
export const haveBack = (agent: Agent, why: string) => change(agent, { ...agent.run, recall: { why } })

/** Reports whether the agent was killed or lost for an unknown reason, and not by a shutdown of the machine. */
export const isUnexplained = ({ snapshot: { exit } }: Agent) =>
  exit?.detail === undefined && (exit?.reason === 'killed' || exit?.reason === 'lost')

/** Cancels the restart of a recalled agent, because the daemon is stopping permanently. @throws the system error */
export async function withdraw(agent: Agent): Promise<void> {
  if (!agent.run.recall) return
  agent.returning = false
  agent.markEndedBy('stopped')
  forgo(agent)
}

/** Cancels a recall, so that the agent's restart policy decides again. @throws the system error */
export function forgo(agent: Agent) {
  const { recall: recalled, ...run } = agent.run
  if (recalled) change(agent, run)
}

/** Prevents an ended agent from restarting, regardless of its restart policy. @throws the system error */
export const stayEnded = (agent: Agent) => change(agent, { ...agent.run, stay_ended: true })

function change(agent: Agent, run: Agent['run']) {
  writeAtomic(agent.folder.run, JSON.stringify(run), { durable: true })
  agent.run = run
  agent.touch()
}
