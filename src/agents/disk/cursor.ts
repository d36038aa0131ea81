import { closeSync, constants, openSync, readFileSync, writeSync } from 'node:fs'
import { systemCode } from '../../platform/errors.ts'
import { writeAtomic } from '../../platform/files.ts'
import type { Conversation } from '../runtimes/conversation.ts'
import { noteDue } from '../state/due-inputs.ts'
import { isInTurn } from '../state/lifecycle.ts'
import { boundPending } from '../state/pending.ts'
import { boundReplies } from '../state/replies.ts'
import type { Journal } from './journal.ts'
import { readRecord } from './read-record.ts'
import { CursorRecord, type Snapshot } from './records.ts'

/**
 * Reads `cursor.json`. @returns undefined if there is no cursor, or if the cursor does not match the journal
 */
export function readCursor(path: string, journal: Journal): CursorRecord | undefined {
  const cursor = readRecord(path, CursorRecord)
  // Do this last, because reading the size opens the journal, and the journal then stays open.
  const size = journal.size()
  // If the cursor is past the journal's end, it belongs to another journal, or the disk lost the journal's
  // end. In both cases, ignore the cursor.
  if (!cursor.ok || cursor.value.acked > size || cursor.value.snapshot.offset > size) return undefined
  const { snapshot } = cursor.value
  boundPending(snapshot)
  boundReplies(snapshot)
  // Earlier versions do not record the turn.
  if (isInTurn(snapshot.state)) snapshot.turn ??= { since: snapshot.since, worked_ms: 0 }
  return cursor.value
}

/** If the file is lost, the next daemon reads part of the journal again. @throws the system error */
export function writeCursor(
  path: string,
  snapshot: Snapshot,
  { acked, begin, apart, checkpoints }: Omit<CursorRecord, 'version' | 'snapshot'>,
): void {
  const unknown_requests = snapshot.due?.flatMap(({ request_id }) => request_id ?? [])
  const record: CursorRecord = {
    version: 1,
    acked,
    begin,
    snapshot: { ...snapshot, ...(unknown_requests?.length && { unknown_requests }) },
    ...(checkpoints && { checkpoints }),
    ...(apart && { apart }),
  }
  writeAtomic(path, JSON.stringify(record))
}

/** The beginning of the record `apart`, which is the last field of the file. */
const APART = '"apart":{'

/**
 * Invalidates the record `apart` in an existing file, by renaming it in place: a full disk permits that.
 * @returns false if the file cannot be changed, for example because no file descriptors are free
 */
export function dropApart(path: string): boolean {
  try {
    const fd = openSync(path, constants.O_RDWR | constants.O_NOFOLLOW)
    try {
      const at = readFileSync(fd).lastIndexOf(APART)
      if (at !== -1) writeSync(fd, 'A', at + 1)
    } finally {
      closeSync(fd)
    }
    return true
  } catch (error) {
    return systemCode(error) === 'ENOENT'
  }
}

/** Completes a snapshot that an earlier version wrote: adds the refusals that must still be sent. */
export function dueOfEarlierVersion(
  snapshot: Snapshot,
  { id, runtime }: { id: string; runtime: Pick<Conversation, 'refuse'> },
) {
  const { due, unknown_requests = [] } = snapshot
  snapshot.unknown_requests = undefined
  const { refuse } = runtime
  if (due || !refuse) return
  noteDue(snapshot, unknown_requests.map(refuse), { agentId: id, offset: snapshot.offset })
}
