import { truncateSync } from 'node:fs'
import { punchHole } from '../platform/disk.ts'
import type { Agent } from './agent.ts'

/** File systems give back whole blocks. */
const BLOCK_BYTES = 4096
/** Not worth a process for less. */
const LEAST_BYTES = 1024 * 1024

/**
 * Gives journal bytes that the server has back to the disk, all but the newest `keep`. Offsets stay valid: what is given
 * back reads as zeros.
 */
export async function returnBytes(agent: Agent, keep: number): Promise<void> {
  const to = Math.floor((agent.acked - keep) / BLOCK_BYTES) * BLOCK_BYTES
  if (to - agent.begin < LEAST_BYTES) return
  if (await punchHole(agent.folder.journal, agent.begin, to)) return agent.forget(to)
  // Without holes all of it goes at the agent's end: nobody writes to the journal then.
  if (!agent.ended || agent.backlog > 0 || agent.journal.size() !== agent.acked) return
  truncateSync(agent.folder.journal, 0)
  truncateSync(agent.folder.journal, agent.acked)
  agent.forget(agent.acked)
}
