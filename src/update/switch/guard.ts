import { sleep, systemClock } from '../../platform/clock.ts'
import type { UserError } from '../../platform/errors.ts'
import { readJson } from '../../platform/files.ts'
import { faultsOf } from '../../platform/ownership.ts'
import { identify, isAlive, ProcessIdentity, sendSignal } from '../../platform/process-identity.ts'
import { VERSION } from '../../platform/version.ts'
import type { CommandError } from '../../protocol/index.ts'
import { UpdateFailure } from '../failure.ts'
import { failedRecord, peekRecord, type UpdateRecord, writeRecord } from '../record.ts'
import { hasStandIn, putBack } from './place.ts'

const POLL_MS = 100
/**
 * Time for which the guard waits after the time limit before it acts, in milliseconds. A version on trial
 * reverts the update by itself at the time limit, unless it hangs.
 */
const GRACE_MS = 10_000

export interface GuardOptions {
  stateDir: string
  lockPath: string
  /** Process id of the daemon on trial. */
  pid: number
  /** True if a supervisor restarts the daemon when it ends. */
  supervised: boolean
  /** Starts the program at `entry` in the same way as the daemon was started. */
  relaunch(entry: string): Promise<void>
}

/**
 * Watches a version on trial until the server accepts it or the trial ends. Runs in a process of the previous
 * version. If the version on trial ends or hangs, puts the previous version back. Does not affect agents.
 */
export async function guard({ stateDir, lockPath, pid, supervised, relaunch }: GuardOptions): Promise<void> {
  const record = peekRecord(stateDir)
  const { trial } = record ?? {}
  if (!record || !trial) return
  const daemon = identify(pid)
  const deadline = systemClock.monotonic() + trial.confirm_ms + GRACE_MS
  // A daemon also ends if it finds another daemon running. In that case, watch the other daemon.
  const running = () => (daemon && isAlive(daemon) ? daemon : lockHolder(lockPath))
  const late = () => systemClock.monotonic() > deadline
  while (hasStandIn(trial) && running() && !late()) await sleep(POLL_MS)
  if (!hasStandIn(trial)) return
  const hung = running()
  note(stateDir, record, hung ? hangs(record, trial.confirm_ms) : crashed(record))
  putBack(trial)
  // Use SIGKILL, since SIGTERM would stop the daemon's agents. Kill the daemon last, because a supervisor may
  // also end this process when the daemon ends.
  if (hung) sendSignal(hung, 'SIGKILL')
  if (!supervised) await relaunch(trial.previous_entry)
}

const hangs = ({ to }: UpdateRecord, confirmMs: number) =>
  new UpdateFailure(
    'update_hung',
    'confirm',
    `Version ${to} hung and was killed ${(confirmMs + GRACE_MS) / 1000} s after its start.`,
  )

export const crashed = ({ to }: UpdateRecord) =>
  new UpdateFailure('update_crashed', 'confirm', `Version ${to} ended before the server accepted it.`, {
    remedy: 'See daemon.log in the state folder for the output of that version.',
  })

/**
 * Records why this version, which is on trial, did not start, so that the previous version can report the
 * reason.
 * @param stateDir state folder; if others can change it, this function writes nothing
 * @throws the system's error
 */
export function noteRefusal(stateDir: string, { message, remedy }: UserError) {
  const begun = peekRecord(stateDir)
  if (begun?.to !== VERSION || faultsOf(stateDir).length > 0) return
  const words = `Version ${VERSION} did not start. ${message}`
  note(
    stateDir,
    begun,
    new UpdateFailure('update_crashed', 'confirm', words, { ...(remedy !== undefined && { remedy }) }),
  )
}

export const interrupted = ({ stage }: UpdateRecord) =>
  new UpdateFailure('update_interrupted', stage, 'The daemon ended during the update.', {
    remedy: 'Update again.',
  })

/** Records a failure. Without a record, the next daemon detects the rollback by itself. */
function note(stateDir: string, begun: UpdateRecord, { error }: { error: CommandError }) {
  const record = peekRecord(stateDir) ?? begun
  if (record.outcome) return
  try {
    writeRecord(stateDir, failedRecord(record, error, new Date().toISOString()))
  } catch {
    // Continue without a record: a full disk must not prevent the rollback of a version that does not work.
  }
}

function lockHolder(path: string): ProcessIdentity | undefined {
  const holder = readJson(path, ProcessIdentity)
  return holder.ok && isAlive(holder.value) ? holder.value : undefined
}
