import { sleep, systemClock } from '../platform/clock.ts'
import { readJson } from '../platform/files.ts'
import { identify, isAlive, ProcessIdentity, sendSignal } from '../platform/process-identity.ts'
import { UpdateFailure } from './failure.ts'
import { isOnTrial, putBack } from './place.ts'
import { failedRecord, readRecord, writeRecord } from './record.ts'

const POLL_MS = 100
/** The version on trial knows its time and goes back by itself, unless it hangs. */
const GRACE_MS = 10_000

export interface GuardOptions {
  stateDir: string
  lockPath: string
  /** Of the daemon on trial. */
  pid: number
  /** Starts the program at `entry` in place of this process, as soon as that has ended. */
  relaunch(entry: string, args: string[]): Promise<void>
  supervised: boolean
}

/**
 * Watches over the start of a version on trial, from a process of the version before: until the server has accepted it,
 * or it is over. One that ends, or hangs, is followed by the version before. Agents are not touched.
 */
export async function guard({ stateDir, lockPath, pid, relaunch, supervised }: GuardOptions): Promise<void> {
  const record = readRecord(stateDir)
  const { trial } = record ?? {}
  if (!record || !trial) return
  const daemon = identify(pid)
  const deadline = systemClock.monotonic() + trial.confirm_ms + GRACE_MS
  const over = () => !isOnTrial(trial)
  let hung = false
  while (!over()) {
    // One that found another daemon at work has ended, too: that one has a guard of its own.
    if (!(daemon && isAlive(daemon)) && !lockHolder(lockPath)) {
      // The supervisor starts it again, and the stand-in counts that.
      if (supervised) return
      break
    }
    if (systemClock.monotonic() > deadline) {
      const holder = daemon && isAlive(daemon) ? daemon : lockHolder(lockPath)
      // Not SIGTERM, which would stop its agents.
      if (holder) sendSignal(holder, 'SIGKILL')
      hung = true
      break
    }
    await sleep(POLL_MS)
  }
  if (over()) return
  putBack(trial)
  const { error } = hung
    ? new UpdateFailure(
        'update_hung',
        'confirm',
        `Version ${record.to} hung: it was ended ${(trial.confirm_ms + GRACE_MS) / 1000} s after its start.`,
      )
    : new UpdateFailure(
        'update_crashed',
        'confirm',
        `Version ${record.to} ended before the server had accepted it.`,
        { remedy: "See daemon.log in the state folder for that version's own words." },
      )
  const latest = readRecord(stateDir) ?? record
  if (!latest.outcome) writeRecord(stateDir, failedRecord(latest, error, new Date().toISOString()))
  if (!supervised) await relaunch(trial.previous_entry, trial.args)
}

function lockHolder(path: string): ProcessIdentity | undefined {
  const holder = readJson(path, ProcessIdentity)
  return holder.ok && isAlive(holder.value) ? holder.value : undefined
}
