import { readJson, writeAtomic } from '../platform/files.ts'
import type { Journal } from './journal.ts'
import { boundPending } from './pending.ts'
import { CursorRecord } from './records.ts'

/** Reads `cursor.json`. @returns undefined if there is none, or it is not of this journal */
export function readCursor(path: string, journal: Journal): CursorRecord | undefined {
  const cursor = readJson(path, CursorRecord)
  // Last: a journal that was opened stays open.
  const size = journal.size()
  // A cursor beyond the journal is of another journal, or of a disk that lost its end: the journal is the truth.
  if (!cursor.ok || cursor.value.acked > size || cursor.value.snapshot.offset > size) return undefined
  boundPending(cursor.value.snapshot)
  return cursor.value
}

/** @throws the system's error */
export function writeCursor(
  path: string,
  { acked, begin, snapshot, apart }: Omit<CursorRecord, 'version'>,
): void {
  const record: CursorRecord = { version: 1, acked, begin, snapshot, ...(apart && { apart }) }
  writeAtomic(path, JSON.stringify(record))
}
