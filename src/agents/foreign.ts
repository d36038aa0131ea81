import { closeSync, constants, openSync } from 'node:fs'
import { userInfo } from 'node:os'
import { systemCode } from '../platform/errors.ts'
import type { Agent } from './agent.ts'

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
export function isForeign({ process: record, folder }: Agent): boolean {
  return record !== undefined && isAnothers(record.agent.pid) && (isRead(folder.stdin) || isRead(folder.bell))
}

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
