import { closeSync, openSync, readSync } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import type { AnyEvent } from '../../../protocol/index.ts'
import { type EventId, isAfter } from '../event-id.ts'
import { HEAD_BYTES, lineRange, parseLine } from '../journal-line.ts'

const NEWLINE = 10
/** Number of bytes to read at a time. */
export const BLOCK_BYTES = 256 * 1024
/**
 * Size of the range at which a search ends, in bytes. Reading such a range is as fast as another step of the
 * search.
 */
export const NEAR_BYTES = 64 * 1024

/**
 * Maximum size of a range at the end of a journal that is read by this thread, in bytes. The hub has read or
 * written this range before, so it is in the memory of the operating system. Another thread would need ten times
 * as much CPU time.
 */
const TAIL_BYTES = 64 * 1024

interface Chunk {
  events: AnyEvent[]
  /** Position of the next chunk. */
  next: number
  /** Journal offset at the end of the chunk; undefined if all its lines are damaged. */
  to: number | undefined
}

/**
 * Returns the position in the file at which to start reading, in order to find the events after `offset`.
 * Searches only the first `size` bytes.
 */
export async function seek(path: string, size: number, offset: number): Promise<number> {
  if (size <= NEAR_BYTES || offset < 0) return 0
  const file = await open(path, 'r')
  try {
    // `low` is always the start of a line that begins at or before `offset`.
    let low = 0
    let high = size
    while (high - low > NEAR_BYTES) {
      const middle = Math.floor((low + high) / 2)
      const start = await nextLine(file, middle, high)
      const range = start === undefined ? undefined : lineRange(await head(file, start))
      if (start !== undefined && range && range.from <= offset) low = start
      else high = middle
    }
    return low
  } finally {
    await file.close()
  }
}

/**
 * Returns the events after `after` in the lines from `at`. Reads about `BLOCK_BYTES` of lines, but at least
 * one line. Skips damaged lines.
 */
export async function readChunk(path: string, size: number, at: number, after: EventId): Promise<Chunk> {
  if (at >= size) return { events: [], next: at, to: undefined }
  const bytes = size - at <= TAIL_BYTES ? readTail(path, size, at) : await readLines(path, size, at)
  const events: AnyEvent[] = []
  let to: number | undefined
  for (const text of bytes.toString('utf8').split('\n')) {
    const line = text === '' ? undefined : parseLine(text)
    if (!line) continue
    to = line.to
    for (const event of line.events) if (isAfter(event, after)) events.push(event)
  }
  return { events, next: at + bytes.length, to }
}

/** Reads the lines from `at` to the end. */
function readTail(path: string, size: number, at: number): Buffer {
  const file = openSync(path, 'r')
  try {
    const block = Buffer.allocUnsafe(size - at)
    return wholeLines(block.subarray(0, readSync(file, block, 0, block.length, at)))
  } finally {
    closeSync(file)
  }
}

const wholeLines = (block: Buffer) => block.subarray(0, block.lastIndexOf(NEWLINE) + 1)

/** Reads whole lines from `at`. */
async function readLines(path: string, size: number, at: number): Promise<Buffer> {
  const file = await open(path, 'r')
  try {
    for (let want = BLOCK_BYTES; ; want *= 4) {
      const block = Buffer.allocUnsafe(Math.min(want, size - at))
      const { bytesRead } = await file.read(block, 0, block.length, at)
      const lines = wholeLines(block.subarray(0, bytesRead))
      // If fewer bytes were read, the file was truncated after its size was read.
      if (lines.length > 0 || bytesRead < want) return lines
    }
  } finally {
    await file.close()
  }
}

/** Returns the position of the first line that starts after `at` and before `end`. */
export async function nextLine(file: FileHandle, at: number, end: number): Promise<number | undefined> {
  const block = Buffer.allocUnsafe(NEAR_BYTES)
  for (let from = at; from < end; from += block.length) {
    const { bytesRead } = await file.read(block, 0, block.length, from)
    const found = block.subarray(0, bytesRead).indexOf(NEWLINE)
    if (found !== -1) return from + found + 1 < end ? from + found + 1 : undefined
    if (bytesRead < block.length) return undefined
  }
  return undefined
}

/** Returns the beginning of the line at `at`, which contains the line's range. */
export async function head(file: FileHandle, at: number): Promise<string> {
  const { buffer, bytesRead } = await file.read(Buffer.alloc(HEAD_BYTES), 0, HEAD_BYTES, at)
  return buffer.toString('latin1', 0, bytesRead)
}
