import { writeAtomic } from '../platform/files.ts'
import type { Agent } from './agent.ts'
import { type StopOptions, stop } from './end.ts'

/**
 * Ends an agent that would end with the daemon anyway; the next daemon starts it again. Its turn is not interrupted, so
 * that the agent can continue it, and waiting prompts are kept.
 * @param why reason, as a sentence
 */
export async function recall(agent: Agent, why: string, options: Omit<StopOptions, 'cause'>): Promise<void> {
  if (agent.ended) return
  const { stopping } = agent.snapshot
  // An earlier stop is still under way: that agent must not come back.
  if (stopping && !agent.run.recall) return stop(agent, { ...options, cause: stopping })
  // Recorded first, so that the agent comes back even if this daemon is killed meanwhile.
  if (agent.run.recall?.why !== why) haveBack(agent, why)
  agent.returning = true
  await stop(agent, { ...options, cause: 'recalled' })
}

/** Has the next daemon start the agent again, whatever its restart policy says. @throws the system's error */
export const haveBack = (agent: Agent, why: string) => change(agent, { ...agent.run, recall: { why } })

/** Whether the agent was killed or lost for an unknown reason, other than the machine going down. */
export const isUnexplained = ({ snapshot: { exit } }: Agent) =>
  exit?.detail === undefined && (exit?.reason === 'killed' || exit?.reason === 'lost')

/** Leaves an agent ended that was recalled for a restart, because the daemon stops for good. @throws the system's error */
export async function withdraw(agent: Agent): Promise<void> {
  if (!agent.run.recall) return
  agent.returning = false
  agent.endedBy('stopped')
  forgo(agent)
}

/** Cancels a recall: what follows the agent's end is up to its restart policy again. @throws the system's error */
export function forgo(agent: Agent) {
  const { recall: recalled, ...run } = agent.run
  if (recalled) change(agent, run)
}

/** Keeps an agent from being started again after its end, whatever its restart policy says. @throws the system's error */
export const stayEnded = (agent: Agent) => change(agent, { ...agent.run, stay_ended: true })

function change(agent: Agent, run: Agent['run']) {
  writeAtomic(agent.folder.run, JSON.stringify(run), { durable: true })
  agent.run = run
  agent.touch()
}
