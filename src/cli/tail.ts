import { closeSync, fstatSync, readSync } from 'node:fs'
import { sleep } from '../platform/clock.ts'
import { systemCode } from '../platform/errors.ts'
import { openOwned } from '../platform/owned.ts'

/** Of a log, at most this much is read at once. */
const TAIL_BYTES = 4 * 1024 * 1024
const POLL_MS = 200

/** Up to where a file was read, and which file it was: a log that was rotated is another one under the same name. */
export interface Place {
  inode: number
  offset: number
}

interface Piece {
  text: string
  place: Place
}

/** The last `count` whole lines of a file; undefined when there is no such file. */
export function lastLines(path: string, count: number): { lines: string[]; place: Place } | undefined {
  const piece = readFrom(path, (size) => Math.max(0, size - TAIL_BYTES))
  if (!piece) return undefined
  const { lines, place } = whole(piece)
  return { lines: count > 0 ? lines.slice(-count) : [], place }
}

/** Lines that are added behind `place`, for ever; also to the file that takes its place when it is rotated. */
export async function* newLines(path: string, place: Place | undefined): AsyncGenerator<string> {
  let at = place
  for (;;) {
    const known = at
    const piece = readFrom(path, (size, inode) =>
      known?.inode === inode && known.offset <= size ? known.offset : 0,
    )
    if (piece) {
      const next = whole(piece)
      yield* next.lines
      at = next.place
    }
    await sleep(POLL_MS)
  }
}

/** Cuts off a line that is still being written. */
function whole({ text, place }: Piece): { lines: string[]; place: Place } {
  // A line that is longer than all that is read at once is passed over.
  const end = text.lastIndexOf('\n') + 1 || (text.length >= TAIL_BYTES ? text.length : 0)
  const rest = Buffer.byteLength(text.slice(end))
  const lines = text.slice(0, end).split('\n').slice(0, -1)
  return { lines, place: { ...place, offset: place.offset - rest } }
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
    return { text: buffer.toString('utf8', 0, got), place: { inode: ino, offset: start + got } }
  } finally {
    closeSync(fd)
  }
}
