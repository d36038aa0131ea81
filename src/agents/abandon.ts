import { sleep } from '../platform/clock.ts'
import { isAlive } from '../platform/process-identity.ts'
import type { Agent } from './agent.ts'
import { signsOf } from './marks.ts'
import { endStrays } from './strays.ts'
import { terminate } from './terminate.ts'

const STEP_MS = 50

/** Whether an agent whose folder is gone is left to itself: its lease says that it needs nobody. */
export const isKept = ({ record }: Agent) => record.spec.lease?.action === 'keep'

/**
 * Ends an agent whose folder is gone: what it writes goes nowhere, and nobody could find it again. Knows its processes by
 * their identity and mark, and needs no file.
 * @param graceS seconds between SIGTERM and SIGKILL
 */
export async function abandon(agent: Agent, graceS: number): Promise<void> {
  const own = agent.process?.agent
  if (own) terminate(own)
  for (let waited = 0; own && isAlive(own) && waited < graceS * 1000; waited += STEP_MS) await sleep(STEP_MS)
  await endStrays(signsOf(agent))
}
