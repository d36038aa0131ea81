import { closeSync, constants, openSync } from 'node:fs'
import { userInfo } from 'node:os'
import { systemCode } from '../platform/errors.ts'
import { ownUid, userOf } from '../platform/process-list.ts'
import type { Agent } from './agent.ts'
import type { RunRecord } from './records.ts'

/** Name of the user that this process runs as; none where that user has no name, as in some containers. */
export function ownUser(): { user?: string } {
  try {
    return { user: userInfo().username }
  } catch {
    return {}
  }
}

/**
 * Whether the agent's present run is alive as another user: the state folder has changed hands while the agent worked.
 * Such an agent can be read, and hears what it is told, but gets no signals. /proc may not even show it (hidepid), so
 * its pid alone proves nothing: what does is that its FIFOs have a reader.
 */
export function isForeign({ process: record, folder, run }: Agent): boolean {
  if (record === undefined) return false
  const { pid } = record.agent
  return (isAnothers(pid) || isLeftTo(pid, run)) && (isRead(folder.stdin) || isRead(folder.bell))
}

/** Root may send signals to everybody. An agent of its own that gives up its rights is not another user's. */
const isLeftTo = (pid: number, { user }: RunRecord) =>
  user !== undefined && user !== ownUser().user && userOf(pid) !== ownUid()

function isAnothers(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return false
  } catch (error) {
    return systemCode(error) === 'EPERM'
  }
}

/** Whether a process holds this FIFO open for reading. */
function isRead(fifo: string): boolean {
  try {
    closeSync(openSync(fifo, constants.O_WRONLY | constants.O_NONBLOCK))
    return true
  } catch {
    return false
  }
}
