import { writeAtomic } from '../../platform/files.ts'
import { boundPending } from '../state/pending.ts'
import { boundReplies } from '../state/replies.ts'
import type { Journal } from './journal.ts'
import { readRecord } from './read-record.ts'
import { CursorRecord, type Snapshot } from './records.ts'

/** Reads `cursor.json`. @returns undefined if there is none, or it does not match the journal */
export function readCursor(path: string, journal: Journal): CursorRecord | undefined {
  const cursor = readRecord(path, CursorRecord)
  // Do this last: a journal that was opened stays open.
  const size = journal.size()
  // A cursor past the journal's end belongs to another journal, or the disk lost the end. Trust the journal.
  if (!cursor.ok || cursor.value.acked > size || cursor.value.snapshot.offset > size) return undefined
  boundPending(cursor.value.snapshot)
  boundReplies(cursor.value.snapshot)
  return cursor.value
}

/** @throws the system error */
export function writeCursor(
  path: string,
  snapshot: Snapshot,
  {
    acked,
    begin,
    contact: { apart },
  }: Pick<CursorRecord, 'acked' | 'begin'> & { contact: Pick<CursorRecord, 'apart'> },
): void {
  const record: CursorRecord = { version: 1, acked, begin, snapshot, ...(apart && { apart }) }
  writeAtomic(path, JSON.stringify(record))
}
