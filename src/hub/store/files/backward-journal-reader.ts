import { type FileHandle, open } from 'node:fs/promises'
import type { AnyEvent } from '../../../protocol/index.ts'
import { type EventId, isAfter } from '../event-id.ts'
import { lineRange, parseLineEnd } from '../journal-line.ts'
import type { BackwardReader, EarlierBatch } from '../journals.ts'
import type { EventJournal } from './event-journal.ts'
import { BLOCK_BYTES, head, NEAR_BYTES, nextLine } from './read-journal.ts'

const NEWLINE = 10

/**
 * Reads the file of a journal backward. The reader searches for the last event once, and then remembers its
 * position.
 */
export class BackwardJournalReader implements BackwardReader {
  readonly #journal: EventJournal
  #before: EventId
  #first: EventId
  /** Position after the line to read next; undefined before the search. */
  #end: number | undefined

  constructor(journal: EventJournal, before: EventId) {
    this.#journal = journal
    this.#before = before
    this.#first = before
  }

  async next(most: number): Promise<EarlierBatch> {
    const { path, bytes: size, have } = this.#journal
    if (size === 0 || this.#end === 0) return { events: [], first: this.#first, bytes: 0, isBeginning: true }
    const file = await open(path, 'r')
    try {
      const before = this.#before.offset
      this.#end ??= before >= have ? size : await seekEnd(file, size, before)
      const lines = await linesBefore(file, this.#end)
      const events = this.#take(lines, most)
      return { events, first: this.#first, bytes: lines.length, isBeginning: this.#end === 0 }
    } finally {
      await file.close()
    }
  }

  /** Takes the last events from the lines before `#end`. */
  #take(lines: Buffer, most: number): AnyEvent[] {
    const taken: AnyEvent[][] = []
    let [end, left] = [lines.length, most]
    while (end > 0 && left > 0) {
      const start = lines.subarray(0, end - 1).lastIndexOf(NEWLINE) + 1
      const line = parseLineEnd(lines.toString('utf8', start, end), this.#before, left)
      if (line) {
        const { from, events, isWhole } = line
        taken.push(events)
        left -= events.length
        const first = isWhole ? { offset: from, index: 0 } : events[0]!
        if (isAfter(this.#first, first)) this.#first = first
        // The next batch continues within the line.
        if (!isWhole) {
          this.#before = first
          break
        }
      }
      end = start
    }
    this.#end! -= lines.length - end
    return taken.reverse().flat()
  }
}

/**
 * Returns the end of a line after which all lines begin after `offset`. Searches only the first `size` bytes.
 */
async function seekEnd(file: FileHandle, size: number, offset: number): Promise<number> {
  let low = 0
  // All lines that start at or after `high` begin after `offset`.
  let high = size
  while (high - low > NEAR_BYTES) {
    const middle = Math.floor((low + high) / 2)
    const start = await nextLine(file, middle, high)
    const range = start === undefined ? undefined : lineRange(await head(file, start))
    // The range of a damaged line is unknown, so the search continues behind it.
    if (start !== undefined && (!range || range.from <= offset)) low = start
    else high = middle
  }
  return (await nextLine(file, high - 1, size)) ?? size
}

/** Reads the whole lines that end at `end`: about `BLOCK_BYTES`, but at least one line. */
async function linesBefore(file: FileHandle, end: number): Promise<Buffer> {
  for (let want = BLOCK_BYTES; ; want *= 4) {
    const at = Math.max(0, end - want)
    const block = Buffer.allocUnsafe(end - at)
    const { bytesRead } = await file.read(block, 0, block.length, at)
    if (bytesRead < block.length) throw new Error('The journal became shorter while it was read.')
    if (at === 0) return block
    // The first line of the block may be incomplete.
    const start = block.indexOf(NEWLINE) + 1
    if (start > 0 && start < block.length) return block.subarray(start)
  }
}
