import { closeSync, ftruncateSync, openSync, readSync, statSync, truncateSync, writeSync } from 'node:fs'
import { punchHole } from '../platform/disk.ts'
import type { Agent } from './agent.ts'

/** File systems give back whole blocks. */
const BLOCK_BYTES = 4096
/** Not worth a process for less. */
const LEAST_BYTES = 1024 * 1024
/** What an agent says on stderr is for diagnosis: beyond this length only the end of it is kept. */
const STDERR_BYTES = 1024 * 1024
const STDERR_KEPT_BYTES = 64 * 1024

/**
 * Gives journal bytes that the server has back to the disk, all but the newest `keep`. Offsets stay valid: what is given
 * back reads as zeros.
 */
export async function returnBytes(agent: Agent, keep: number): Promise<void> {
  if (agent.acked - keep - agent.begin < LEAST_BYTES) return
  // What a server may ask for again begins with a whole line.
  const begin = agent.journal.lineStart(agent.acked - keep)
  if (begin === undefined || begin > agent.acked) return
  const before = agent.begin
  // Written down first: a daemon that dies in between must not take zeros for activity.
  agent.forget(begin)
  agent.save()
  if (await punchHole(agent.folder.journal, 0, Math.floor(begin / BLOCK_BYTES) * BLOCK_BYTES)) return
  // Without holes all of it goes at the agent's end: nobody writes to the journal then.
  if (agent.ended && agent.backlog === 0 && agent.journal.size() === agent.acked) {
    agent.forget(agent.acked)
    agent.save()
    truncateSync(agent.folder.journal, 0)
    truncateSync(agent.folder.journal, agent.acked)
  } else agent.forget(before)
}

/** Keeps a talkative agent from filling the disk with what nobody asked for. */
export function boundStderr({ folder }: Agent): void {
  let size: number
  try {
    size = statSync(folder.stderr).size
  } catch {
    return
  }
  if (size <= STDERR_BYTES) return
  const fd = openSync(folder.stderr, 'r+')
  try {
    const end = Buffer.alloc(STDERR_KEPT_BYTES)
    const read = readSync(fd, end, 0, end.length, size - end.length)
    // The agent appends: what it writes next goes behind whatever is there then.
    ftruncateSync(fd, 0)
    writeSync(fd, end, 0, read, 0)
  } finally {
    closeSync(fd)
  }
}
