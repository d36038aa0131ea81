import { type FileHandle, open } from 'node:fs/promises'
import type { AnyEvent } from '../protocol/index.ts'
import { type EventId, HEAD_BYTES, isAfter, lineRange, parseLine } from './activity-line.ts'

const NEWLINE = 10
/** What is read in one go. */
const BLOCK_BYTES = 256 * 1024
/** A search ends when so little is left: reading it is as cheap as halving it again. */
const NEAR_BYTES = 64 * 1024

export interface Chunk {
  events: AnyEvent[]
  /** Where the next chunk starts. */
  next: number
  /** Offset of the journal up to which the chunk goes; undefined where none of its lines can be read. */
  to: number | undefined
}

/** Where in the first `size` bytes of the file to start reading to come to what is behind `offset` of the journal. */
export async function seek(path: string, size: number, offset: number): Promise<number> {
  if (size <= NEAR_BYTES || offset < 0) return 0
  const file = await open(path, 'r')
  try {
    // Always the start of a line that is not behind `offset`.
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
 * The events behind `after` in the lines that start at `at`: about `BLOCK_BYTES` of lines, at least one. A damaged line
 * is passed over.
 */
export async function readChunk(path: string, size: number, at: number, after: EventId): Promise<Chunk> {
  if (at >= size) return { events: [], next: at, to: undefined }
  const bytes = await readLines(path, size, at)
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

/** Whole lines from `at` on. */
async function readLines(path: string, size: number, at: number): Promise<Buffer> {
  const file = await open(path, 'r')
  try {
    for (let want = BLOCK_BYTES; ; want *= 4) {
      const block = Buffer.allocUnsafe(Math.min(want, size - at))
      const { bytesRead } = await file.read(block, 0, block.length, at)
      const end = block.subarray(0, bytesRead).lastIndexOf(NEWLINE) + 1
      // Nothing more to come: a file that was cut meanwhile.
      if (end > 0 || bytesRead < want) return block.subarray(0, end)
    }
  } finally {
    await file.close()
  }
}

/** The first line that starts behind `at` and before `end`. */
async function nextLine(file: FileHandle, at: number, end: number): Promise<number | undefined> {
  const block = Buffer.allocUnsafe(NEAR_BYTES)
  for (let from = at; from < end; from += block.length) {
    const { bytesRead } = await file.read(block, 0, block.length, from)
    const found = block.subarray(0, bytesRead).indexOf(NEWLINE)
    if (found !== -1) return from + found + 1 < end ? from + found + 1 : undefined
    if (bytesRead < block.length) return undefined
  }
  return undefined
}

async function head(file: FileHandle, at: number): Promise<string> {
  const { buffer, bytesRead } = await file.read(Buffer.alloc(HEAD_BYTES), 0, HEAD_BYTES, at)
  return buffer.toString('latin1', 0, bytesRead)
}
