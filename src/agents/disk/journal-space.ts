import { closeSync, constants, fstatSync, ftruncateSync, lstatSync, readSync, writeSync } from 'node:fs'
import { punchHole } from '../../platform/disk.ts'
import { openPlain } from '../../platform/plain-files.ts'
import type { Agent } from '../agent.ts'

/** Block size of file systems, in bytes. File systems free only whole blocks. */
const BLOCK_BYTES = 4096
/** Minimum number of bytes to free at once, because a process is started each time. */
const LEAST_BYTES = 1024 * 1024
/** Maximum size of `stderr.log`, in bytes. If the file is longer, all but its end is deleted. */
const STDERR_BYTES = 1024 * 1024
const STDERR_KEPT_BYTES = 64 * 1024

/**
 * Frees the disk space of the journal bytes that the server has, except the newest `keep` bytes. Offsets stay
 * valid: freed bytes read as zeros.
 */
export async function returnBytes(agent: Agent, keep: number): Promise<void> {
  if (agent.acked - keep - agent.begin < LEAST_BYTES) return
  // Servers request activity again only from the start of a line.
  const begin = agent.journal.lineStart(agent.acked - keep)
  if (begin === undefined || begin > agent.acked) return
  const before = agent.begin
  // Save first: if this daemon dies before the end of this step, the next daemon must not mistake the zeros
  // for activity.
  agent.forget(begin)
  agent.save()
  if (await punchHole(agent.folder.journal, 0, Math.floor(begin / BLOCK_BYTES) * BLOCK_BYTES)) return
  // The file system does not support holes. In this case, all bytes are freed once the agent has ended,
  // because no process writes to the journal then.
  if (agent.hasEnded && agent.backlog === 0 && agent.journal.size() === agent.acked) {
    agent.forget(agent.acked)
    agent.save()
    agent.journal.empty()
  } else agent.forget(before)
}

/**
 * If `stderr.log` is too long, deletes all but its end, so that an agent with much output cannot fill the
 * disk.
 */
export function boundStderr({ folder }: Agent): void {
  const found = lstatSync(folder.stderr, { throwIfNoEntry: false })
  if (!found?.isFile() || found.size <= STDERR_BYTES) return
  const fd = openPlain(folder.stderr, constants.O_RDWR | constants.O_NOFOLLOW)
  try {
    const { size } = fstatSync(fd)
    const end = Buffer.alloc(STDERR_KEPT_BYTES)
    const read = readSync(fd, end, 0, end.length, size - end.length)
    // The agent opened the file for appending, so its next write goes to the end of the shortened file.
    ftruncateSync(fd, 0)
    writeSync(fd, end, 0, read, 0)
  } finally {
    closeSync(fd)
  }
}
