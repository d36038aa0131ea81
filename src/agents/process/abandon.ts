import { sleep } from '../../platform/clock.ts'
import { isAlive } from '../../platform/process-identity.ts'
import type { Agent } from '../agent.ts'
import { signsOf } from './marks.ts'
import { endStrays } from './strays.ts'
import { terminate } from './terminate.ts'

const STEP_MS = 50

/**
 * Reports whether an agent keeps running after its folder was deleted. An agent keeps running if its lease
 * does not require a daemon.
 */
export const isKept = ({ record }: Agent) => record.spec.lease?.action === 'keep'

/**
 * Ends an agent whose folder was deleted: its output is lost, and no daemon could find it again. Finds its
 * processes by identity and mark, without reading files of the agent.
 * @param graceS time between SIGTERM and SIGKILL, in seconds
 */
export async function abandon(agent: Agent, graceS: number): Promise<void> {
  const own = agent.process?.agent
  if (own) terminate(own)
  for (let waited = 0; own && isAlive(own) && waited < graceS * 1000; waited += STEP_MS) await sleep(STEP_MS)
  await endStrays(signsOf(agent))
}
