import { sleep, systemClock } from '../platform/clock.ts'
import type { UserError } from '../platform/errors.ts'
import { readJson } from '../platform/files.ts'
import { faultsOf } from '../platform/ours.ts'
import { identify, isAlive, ProcessIdentity, sendSignal } from '../platform/process-identity.ts'
import { VERSION } from '../platform/version.ts'
import type { CommandError } from '../protocol/index.ts'
import { UpdateFailure } from './failure.ts'
import { isOnTrial, putBack } from './place.ts'
import { failedRecord, peekRecord, type UpdateRecord, writeRecord } from './record.ts'

const POLL_MS = 100
/** The version on trial knows its time and goes back by itself, unless it hangs. */
const GRACE_MS = 10_000

export interface GuardOptions {
  stateDir: string
  lockPath: string
  /** Of the daemon on trial. */
  pid: number
  /** Somebody else starts the daemon when it has ended. */
  supervised: boolean
  /** Starts the program at `entry` as the daemon was started. */
  relaunch(entry: string): Promise<void>
}

/**
 * Watches over the start of a version on trial, from a process of the version before: until the server has accepted it,
 * or it is over. One that ends, or hangs, is followed by the version before. Agents are not touched.
 */
export async function guard({ stateDir, lockPath, pid, supervised, relaunch }: GuardOptions): Promise<void> {
  const record = peekRecord(stateDir)
  const { trial } = record ?? {}
  if (!record || !trial) return
  const daemon = identify(pid)
  const deadline = systemClock.monotonic() + trial.confirm_ms + GRACE_MS
  // A daemon that finds another one at work ends, too: that other one is what runs then.
  const running = () => (daemon && isAlive(daemon) ? daemon : lockHolder(lockPath))
  const late = () => systemClock.monotonic() > deadline
  while (isOnTrial(trial) && running() && !late()) await sleep(POLL_MS)
  if (!isOnTrial(trial)) return
  const hung = running()
  note(stateDir, record, hung ? hangs(record, trial.confirm_ms) : ended(record))
  putBack(trial)
  // Not SIGTERM, which would stop its agents. And last of all: a supervisor may take this process along.
  if (hung) sendSignal(hung, 'SIGKILL')
  if (!supervised) await relaunch(trial.previous_entry)
}

const hangs = ({ to }: UpdateRecord, confirmMs: number) =>
  new UpdateFailure(
    'update_hung',
    'confirm',
    `Version ${to} hung: it was ended ${(confirmMs + GRACE_MS) / 1000} s after its start.`,
  )

export const ended = ({ to }: UpdateRecord) =>
  new UpdateFailure('update_crashed', 'confirm', `Version ${to} ended before the server had accepted it.`, {
    remedy: "See daemon.log in the state folder for that version's own words.",
  })

/**
 * Has the version before say why this one, on trial, has not started.
 * @param stateDir nothing is written where others can change it
 * @throws the system's error
 */
export function noteRefusal(stateDir: string, { message, remedy }: UserError) {
  const begun = peekRecord(stateDir)
  if (begun?.to !== VERSION || faultsOf(stateDir).length > 0) return
  const words = `Version ${VERSION} has not started. ${message}`
  note(
    stateDir,
    begun,
    new UpdateFailure('update_crashed', 'confirm', words, { ...(remedy !== undefined && { remedy }) }),
  )
}

export const interrupted = ({ stage }: UpdateRecord) =>
  new UpdateFailure('update_interrupted', stage, 'The daemon ended in the midst of the update.', {
    remedy: 'Update again.',
  })

/** Without a record, what is put back is found out by whoever is started next. */
function note(stateDir: string, begun: UpdateRecord, { error }: { error: CommandError }) {
  const record = peekRecord(stateDir) ?? begun
  if (record.outcome) return
  try {
    writeRecord(stateDir, failedRecord(record, error, new Date().toISOString()))
  } catch {
    // A full disk is no reason to leave a version that does not work.
  }
}

function lockHolder(path: string): ProcessIdentity | undefined {
  const holder = readJson(path, ProcessIdentity)
  return holder.ok && isAlive(holder.value) ? holder.value : undefined
}
