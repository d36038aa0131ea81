import { closeSync, constants, openSync } from 'node:fs'
import { userInfo } from 'node:os'
import { systemCode } from '../../platform/errors.ts'
import { ownUid, userOf } from '../../platform/process-list.ts'
import type { Agent } from '../agent.ts'
import type { RunRecord } from '../disk/records.ts'

let own: { user?: string } | undefined

/**
 * Returns the name of this process's user; empty if the user has no name, for example in some containers. Asks the
 * system only once, because that reads the list of users.
 */
export function ownUser(): { user?: string } {
  own ??= nameOfUser()
  return own
}

function nameOfUser() {
  try {
    return { user: userInfo().username }
  } catch {
    return {}
  }
}

/**
 * Reports whether the agent's current run is alive under another user. This happens if the owner of the state
 * folder was changed after the run's start. The daemon can read the output of such an agent and send it
 * input, but cannot signal it. /proc may hide the process (hidepid), and its pid alone proves nothing. So the
 * agent counts as alive if a process has one of its FIFOs open for reading.
 */
export function isForeign({ process: record, folder, run }: Agent): boolean {
  if (record === undefined) return false
  const { pid } = record.agent
  return (isAnothers(pid) || isLeftTo(pid, run)) && (isRead(folder.stdin) || isRead(folder.bell))
}

/**
 * Detects another user's process when this daemon runs as root, since root can signal any process. Returns
 * false for an agent that root started, even if the agent then dropped its privileges.
 */
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

/** Reports whether a process has this FIFO open for reading. */
function isRead(fifo: string): boolean {
  try {
    closeSync(openSync(fifo, constants.O_WRONLY | constants.O_NONBLOCK))
    return true
  } catch {
    return false
  }
}
