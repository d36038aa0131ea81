import { writeAtomic } from '../platform/files.ts'
import type { Agent } from './agent.ts'
import { type StopOptions, stop } from './end.ts'

/**
 * Ends an agent that would end with the daemon, for the next daemon to have it back. Its turn is not interrupted, so that
 * it can be taken up again, and prompts that wait are kept.
 * @param why in a sentence
 */
export async function recall(agent: Agent, why: string, options: Omit<StopOptions, 'cause'>): Promise<void> {
  if (agent.ended) return
  const { stopping } = agent.snapshot
  // A stop from before, which takes its time: the agent is not to come back.
  if (stopping && !agent.run.recall) return stop(agent, { ...options, cause: stopping })
  // First: the next daemon has it back even where this one is killed meanwhile.
  if (agent.run.recall?.why !== why) haveBack(agent, why)
  agent.returning = true
  await stop(agent, { ...options, cause: 'recalled' })
}

/** Has an agent started again once it has ended, whatever its restart policy says. */
export const haveBack = (agent: Agent, why: string) => change(agent, { ...agent.run, recall: { why } })

/** Whether it ended by something that nobody here had a part in, and that did not take the machine along. */
export const isUnexplained = ({ snapshot: { exit } }: Agent) =>
  exit?.detail === undefined && (exit?.reason === 'killed' || exit?.reason === 'lost')

/** The daemon is stopped for good: what it had ended for a new start stays ended. */
export async function withdraw(agent: Agent): Promise<void> {
  if (!agent.run.recall) return
  agent.returning = false
  agent.endedBy('stopped')
  forgo(agent)
}

/** Leaves the agent's next end to its restart policy. @throws the system's error */
export function forgo(agent: Agent) {
  const { recall: recalled, ...run } = agent.run
  if (recalled) change(agent, run)
}

/** Has an agent that is to end left as it is then, whatever its restart policy says. @throws the system's error */
export const stayEnded = (agent: Agent) => change(agent, { ...agent.run, stay_ended: true })

function change(agent: Agent, run: Agent['run']) {
  writeAtomic(agent.folder.run, JSON.stringify(run), { durable: true })
  agent.run = run
  agent.touch()
}
