import { closeSync, fstatSync, readSync } from 'node:fs'
import { sleep } from '../platform/clock.ts'
import { systemCode } from '../platform/errors.ts'
import { openOwned } from '../platform/open-owned.ts'

/** Maximum amount of a log to read at once, in bytes. */
const TAIL_BYTES = 4 * 1024 * 1024
const POLL_MS = 200

/**
 * Position in a file that was read. The inode identifies the file, because a new log gets the name of the
 * rotated log.
 */
export interface Place {
  inode: number
  offset: number
}

interface Piece {
  bytes: Buffer
  place: Place
}

/** Returns the last `count` complete lines of a file; undefined if the file does not exist. */
export function lastLines(path: string, count: number): { lines: string[]; place: Place } | undefined {
  const piece = readFrom(path, (size) => Math.max(0, size - TAIL_BYTES))
  if (!piece) return undefined
  const { lines, place } = whole(piece)
  return { lines: count > 0 ? lines.slice(-count) : [], place }
}

/** Yields lines added after `place`, without end. Follows the log through rotation. */
export async function* newLines(path: string, place: Place | undefined): AsyncGenerator<string> {
  let at = place
  for (;;) {
    const piece = readOn(path, at)
    if (piece) {
      // The writer opens a new log only after it has written its last line to the old log.
      if (at && at.inode !== piece.place.inode) yield* rest(`${path}.1`, at)
      const next = whole(piece)
      yield* next.lines
      at = next.place
    }
    await sleep(POLL_MS)
  }
}

/** Yields the lines after `place` in a log that has been renamed to this path. */
function* rest(path: string, place: Place): Generator<string> {
  for (let at = place; ; ) {
    const piece = readOn(path, at)
    if (piece?.place.inode !== at.inode) return
    const next = whole(piece)
    if (next.place.offset === at.offset) return
    yield* next.lines
    at = next.place
  }
}

/** Reads a file from a place. Reads from the start if the file was replaced, or has become shorter. */
const readOn = (path: string, at: Place | undefined) =>
  readFrom(path, (size, inode) => (at?.inode === inode && at.offset <= size ? at.offset : 0))

/** Returns the complete lines: the last line may still be written. */
function whole({ bytes, place }: Piece): { lines: string[]; place: Place } {
  // Skip a line that is too long for one read.
  const end = bytes.lastIndexOf('\n') + 1 || (bytes.length >= TAIL_BYTES ? bytes.length : 0)
  const lines = bytes.toString('utf8', 0, end).split('\n').slice(0, -1)
  return { lines, place: { ...place, offset: place.offset - (bytes.length - end) } }
}

function readFrom(path: string, startOf: (size: number, inode: number) => number): Piece | undefined {
  let fd: number
  try {
    fd = openOwned(path)
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return undefined
    throw error
  }
  try {
    const { size, ino } = fstatSync(fd)
    const start = startOf(size, ino)
    const buffer = Buffer.alloc(Math.min(size - start, TAIL_BYTES))
    const got = readSync(fd, buffer, 0, buffer.length, start)
    return { bytes: buffer.subarray(0, got), place: { inode: ino, offset: start + got } }
  } finally {
    closeSync(fd)
  }
}
