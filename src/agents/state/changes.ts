import type { RunRecord, Snapshot } from '../disk/records.ts'
import { isInTurn } from './lifecycle.ts'
import { noteOutage } from './limit.ts'
import { clearPending } from './pending.ts'
import { move } from './reduce.ts'

/** Functions for changes of a snapshot that no journal line reports. Times are ISO 8601. */

const MINUTE_MS = 60_000

/** Records a new run, and deletes the data about the last run's end. */
export function beginRun(snapshot: Snapshot, run: RunRecord, now: string) {
  snapshot.exit = undefined
  snapshot.failure = undefined
  snapshot.turn_interrupted = run.turn_interrupted
  // A journal line also reports the start, but the agent itself could write such a line. So reset these
  // fields here.
  snapshot.asked = undefined
  snapshot.ids_reused = undefined
  move(snapshot, 'launch', now)
}

/** Records that launching a run failed. */
export function failLaunch(snapshot: Snapshot, run: number, failure: Snapshot['failure'], now: string) {
  clearPending(snapshot)
  Object.assign(snapshot, { run, ready: false, failure, state: 'failed', since: now })
}

/** Records a requested stop. */
export function requestStop(snapshot: Snapshot, cause: 'stopped' | 'rebooted', now: string) {
  snapshot.stopping = cause
  if (isInTurn(snapshot.state)) snapshot.interrupted = true
  move(snapshot, 'stop', now)
}

/** Records that the agent's end was requested by a signal that this daemon did not send. */
export function endBy(snapshot: Snapshot, reason: 'stopped' | 'rebooted') {
  const { detail: _, ...exit } = snapshot.exit ?? {}
  if (snapshot.exit) snapshot.exit = { ...exit, reason }
  if (reason === 'rebooted') noteOutage(snapshot, snapshot.since)
}

/**
 * Records the cause of the agent's end.
 * @param detail explanation, as a sentence
 * @returns whether the detail was recorded: true if there was no explanation yet
 */
export function explainExit(snapshot: Snapshot, detail: string): boolean {
  const { exit } = snapshot
  if (!exit || exit.detail !== undefined) return false
  snapshot.exit = { ...exit, detail }
  return true
}

/**
 * Adds time that the agent has worked on its current turn.
 * @returns whether another minute of the turn is full, so that the time should be saved
 */
export function addWork({ turn }: Snapshot, ms: number): boolean {
  if (!turn) return false
  const before = turn.worked_ms
  turn.worked_ms += ms
  return Math.floor(turn.worked_ms / MINUTE_MS) > Math.floor(before / MINUTE_MS)
}
