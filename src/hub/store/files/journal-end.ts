import { closeSync, openSync } from 'node:fs'
import { setAside } from '../../../platform/files.ts'
import { type LineHead, wholeLine } from '../journal-line.ts'
import type { JournalState } from '../journals.ts'
import { cutFile, cutTornEnd, lastNewline } from './append-file.ts'
import { readFully } from './read-fully.ts'
import { readTail } from './read-tail.ts'

/** The end of a journal's file. It is all that a hub needs to continue the journal. */
export interface JournalEnd {
  /** Size of the file, in bytes. */
  readonly size: number
  readonly last: LineHead
}

/** Repair of a damaged file: it was renamed, or lines that were never written were cut off. */
export type Repair = { aside: string } | { cutBytes: number }

/** Returns what happened to the file, for the log. */
export const repairText = (repair: Repair) =>
  'aside' in repair ? 'damaged activity renamed' : 'a line that was never written was cut off'

export const NO_JOURNAL: JournalEnd = { size: 0, last: { from: 0, to: 0, shift: 0 } }

/** Returns the state of a journal that has no activity waiting for the disk. */
export const stateAt = ({ size, last: { to, shift, journal } }: JournalEnd): JournalState => ({
  have: to,
  ackOffset: to - shift,
  wantedOffset: to - shift,
  shift,
  journal,
  bytes: size,
})

/** Reads the end of a journal; undefined if there is no journal, or if its last line is long or damaged. */
export function readWholeEnd(path: string): JournalEnd | undefined {
  const tail = readTail(path)
  const last = tail && wholeLine(tail.line)
  return last && { size: tail.size, last }
}

/**
 * Reads the end of a journal. Cuts off lines that a crash left incomplete, and renames a damaged file.
 * @param repaired called if the file was damaged
 */
export function readEnd(path: string, repaired: (repair: Repair) => void): JournalEnd {
  const whole = readWholeEnd(path)
  if (whole) return whole
  for (let size = cutTornEnd(path); size > 0; ) {
    const { start, line } = lastLine(path, size)
    const last = wholeLine(line)
    if (last) return { size, last }
    // The file system fills blocks that were never written with zeros, so this line was never acknowledged.
    if (start > 0 && line.includes(0)) {
      cutFile(path, start)
      repaired({ cutBytes: size - start })
      size = start
    } else {
      repaired({ aside: setAside(path) })
      size = 0
    }
  }
  return NO_JOURNAL
}

/** Returns the last line, and its position in bytes. */
export function lastLine(path: string, size: number): { start: number; line: Buffer } {
  const fd = openSync(path, 'r')
  try {
    const start = lastNewline(fd, size - 1) + 1
    const line = Buffer.alloc(size - 1 - start)
    readFully(fd, line, start)
    return { start, line }
  } finally {
    closeSync(fd)
  }
}
