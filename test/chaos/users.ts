import { chownSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { sendSignal } from '../../src/platform/process-identity.ts'
import { findByEnvironment } from '../../src/platform/process-list.ts'

/** Variable in the environment of every process of one machine; its value is the machine's folder. */
export const MACHINE_MARK = 'CHAOS_MACHINE'

const FIRST_UID = 1_000_000_000
/** Maximum number of users for the machines of a run. */
const USERS = 16
const STEP_MS = 10

/**
 * Returns a separate user for machine `n`, because the system counts some resources per user.
 * @returns undefined if this process may not change the owner of files
 */
export function ownUser(n: number, probe: string): number | undefined {
  const uid = FIRST_UID + process.pid * USERS + n
  try {
    chownSync(probe, uid, uid)
    return uid
  } catch {
    return undefined
  }
}

/** Ends every process of a machine at once, like a power cut. */
export async function powerOff(folder: string) {
  for (;;) {
    const there = findByEnvironment(MACHINE_MARK, folder)
    if (there.length === 0) return
    for (const process of there) sendSignal(process, 'SIGKILL')
    await sleep(STEP_MS)
  }
}
