import {
  appendFileSync,
  closeSync,
  fstatSync,
  fsyncSync,
  ftruncateSync,
  openSync,
  readSync,
  writeSync,
} from 'node:fs'
import type { Span } from './generations.ts'

const CHUNK_BYTES = 1024 * 1024

export interface MoveOn {
  /** Where what is to be moved begins: the start of a line. */
  from: number
  /** The first offset that may be used. */
  to: number
  /** Whether the agent may be appending meanwhile. */
  running: boolean
  /** A line without its newline, written before what is moved. */
  marker: string
  /** In order; not moved. */
  holes: readonly Span[]
}

/**
 * Moves the end of a journal, from `from` on, to offset `to` or a little behind it, and leaves a hole. The agent goes on
 * appending behind what was moved.
 * @returns `at`: where the marker is now; `shift`: how far the last byte was moved
 * @throws the system's error: the disk is full, or files cannot be so long. Nothing is moved then
 */
export function moveOn(
  path: string,
  { from, to, running, marker, holes }: MoveOn,
): { at: number; shift: number } {
  const line = Buffer.from(`${marker}\n`)
  const fd = openSync(path, 'r+')
  const size = fstatSync(fd).size
  const parts = partsOf(from, size, holes)
  // What the agent appends in this moment must not reach the place that is about to be written.
  const at = Math.max(to, size + (running ? CHUNK_BYTES : 0))
  const end = parts.reduce((sum, part) => sum + part.to - part.from, at + line.length)
  try {
    // From here on the agent appends behind the place of what is moved.
    if (parts.length > 0) writeSync(fd, Buffer.alloc(1), 0, 1, end - 1)
    write(fd, line, at)
    let place = at + line.length
    for (const part of parts) place = copy(fd, part, place)
    const late = appendedBefore(fd, size, at)
    if (late.length > 0) appendFileSync(path, late)
    fsyncSync(fd)
    for (const part of [...parts, { from: size, to: size + late.length }]) erase(fd, part)
    return { at, shift: end - size }
  } catch (error) {
    // On a full disk the agent cannot have appended anything behind that either.
    if (fstatSync(fd).size <= end) ftruncateSync(fd, size + appendedBefore(fd, size, at).length)
    throw error
  } finally {
    closeSync(fd)
  }
}

/** What there is of `[from, to)` between holes. */
function partsOf(from: number, to: number, holes: readonly Span[]): Span[] {
  const ends = [...holes, { from: to, to }]
  const starts = [{ to: 0 }, ...holes]
  return ends
    .map((hole, n) => ({ from: Math.max(from, starts[n]!.to), to: hole.from }))
    .filter((part) => part.to > part.from)
}

/** What was appended at `size` just before the file became longer. */
function appendedBefore(fd: number, size: number, at: number): Buffer {
  const bytes = Buffer.alloc(Math.min(CHUNK_BYTES, at - size))
  const read = readSync(fd, bytes, 0, bytes.length, size)
  const end = bytes.subarray(0, read).indexOf(0)
  return bytes.subarray(0, end === -1 ? read : end)
}

/** A disk that fills up takes a part of a write before it takes none. @throws the system's error */
function write(fd: number, bytes: Buffer, place: number) {
  for (let done = 0; done < bytes.length; )
    done += writeSync(fd, bytes, done, bytes.length - done, place + done)
}

/** Copies a part to `place`, which it does not reach. @returns the place behind it */
function copy(fd: number, { from, to }: Span, place: number): number {
  const chunk = Buffer.alloc(Math.min(CHUNK_BYTES, to - from))
  for (let done = from; done < to; ) {
    const read = readSync(fd, chunk, 0, Math.min(chunk.length, to - done), done)
    if (read === 0) break
    write(fd, chunk.subarray(0, read), place + done - from)
    done += read
  }
  return place + to - from
}

/** Its old place should not be read again, by an older version, as something that was said twice. */
function erase(fd: number, { from, to }: Span) {
  const zeros = Buffer.alloc(Math.min(CHUNK_BYTES, to - from))
  try {
    for (let done = from; done < to; done += zeros.length) write(fd, zeros.subarray(0, to - done), done)
  } catch {
    // A full disk that writes nothing in place: it is in a hole.
  }
}
