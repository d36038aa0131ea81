import { chownSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { sendSignal } from '../../src/platform/process-identity.ts'
import { findByEnvironment } from '../../src/platform/process-list.ts'

/** In the environment of every process of one machine, with its folder. */
export const MACHINE_MARK = 'CHAOS_MACHINE'

const FIRST_UID = 1_000_000_000
/** Machines of one run have so many users at most. */
const USERS = 16
const STEP_MS = 10

/**
 * A user that nobody else has: what the system counts by user is counted for one machine alone.
 * @returns undefined where this process may not give files away
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

/** Ends every process of a machine at once, as a power cut does. */
export async function powerOff(folder: string) {
  for (;;) {
    const there = findByEnvironment(MACHINE_MARK, folder)
    if (there.length === 0) return
    for (const process of there) sendSignal(process, 'SIGKILL')
    await sleep(STEP_MS)
  }
}
