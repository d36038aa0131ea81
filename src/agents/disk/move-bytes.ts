import {
  closeSync,
  constants,
  fstatSync,
  fsyncSync,
  ftruncateSync,
  readSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import type { Staged } from '../../platform/files.ts'
import { openPlain } from '../../platform/plain-files.ts'
import type { Span } from './span.ts'

const CHUNK_BYTES = 1024 * 1024

export interface ByteMove {
  /** Offset of the first byte to move. The offset must be the start of a line. */
  from: number
  /** Minimum offset of the moved bytes. */
  to: number
  /** True if the agent may append at the same time. */
  running: boolean
  /** Line to write before the moved bytes, without its newline. */
  marker: string
  /** Holes of the journal, in order. Holes are not moved. */
  holes: readonly Span[]
  /** Prepares the record of the move. The record is put in place once the bytes are moved. @throws the system error */
  record(at: number): Staged
}

/**
 * Moves the end of a journal, beginning at `from`, to offset `to` or shortly after. Leaves a hole at the old
 * offset. A running agent continues to append after the moved bytes.
 * @returns `at`: offset of the marker; `shift`: distance by which the last byte was moved
 * @throws the system error if the disk is full or the file would be too long; nothing was moved then
 */
export function moveBytes(
  path: string,
  { from, marker, holes, ...place }: ByteMove,
): { at: number; shift: number } {
  const line = Buffer.from(`${marker}\n`)
  const fd = openPlain(path, constants.O_RDWR)
  try {
    const { size, at, staged } = reserve(fd, place)
    const parts = partsOf(from, size, holes)
    const end = parts.reduce((sum, part) => sum + part.to - part.from, at + line.length)
    try {
      // Extend the file, so that the agent appends after the moved bytes from now on.
      if (parts.length > 0) writeSync(fd, Buffer.alloc(1), 0, 1, end - 1)
      write(fd, line, at)
      let place = at + line.length
      for (const part of parts) place = copy(fd, part, place)
      const late = appendedBefore(fd, size, at)
      if (late.length > 0) append(path, late)
      parts.push({ from: size, to: size + late.length })
      fsyncSync(fd)
    } catch (error) {
      staged.discard()
      // Truncate the extended file, unless the agent has appended to it in the meantime. On a full disk, the
      // agent cannot append.
      if (fstatSync(fd).size <= end) ftruncateSync(fd, size + appendedBefore(fd, size, at).length)
      throw error
    }
    keep(staged)
    for (const part of parts) erase(fd, part)
    return { at, shift: end - size }
  } finally {
    closeSync(fd)
  }
}

/**
 * Prepares the record of a move first, because only a recorded move may change the journal.
 * @returns the journal's size, and the offset `at` of the marker. The space in between is for bytes that the
 * agent may append before the file is extended
 */
function reserve(fd: number, { to, running, record }: Pick<ByteMove, 'to' | 'running' | 'record'>) {
  for (let space = running ? 2 * CHUNK_BYTES : 0; ; space *= 2) {
    const at = Math.max(to, fstatSync(fd).size + space)
    const staged = record(at)
    const { size } = fstatSync(fd)
    if (!running || size + CHUNK_BYTES <= at) return { size, at, staged }
    // The agent has appended too much in the meantime.
    staged.discard()
  }
}

/** Puts the record of a finished move in place. This needs no disk space. */
function keep(staged: Staged) {
  try {
    staged.commit()
  } catch {
    // The disk is defective. The next daemon reads the hole as one unreadable line.
  }
}

/** Returns the parts of `[from, to)` between the holes. */
function partsOf(from: number, to: number, holes: readonly Span[]): Span[] {
  const ends = [...holes, { from: to, to }]
  const starts = [{ to: 0 }, ...holes]
  return ends
    .map((hole, n) => ({ from: Math.max(from, starts[n]!.to), to: hole.from }))
    .filter((part) => part.to > part.from)
}

/** Returns the bytes that the agent appended at `size` just before the file was extended. */
function appendedBefore(fd: number, size: number, at: number): Buffer {
  const bytes = Buffer.alloc(Math.min(CHUNK_BYTES, at - size))
  const read = readSync(fd, bytes, 0, bytes.length, size)
  const end = bytes.subarray(0, read).indexOf(0)
  return bytes.subarray(0, end === -1 ? read : end)
}

/**
 * Writes all of `bytes`. Repeats the system call, since one call may write only a part when the disk is
 * almost full.
 * @throws the system error
 */
function write(fd: number, bytes: Buffer, place: number) {
  for (let done = 0; done < bytes.length; )
    done += writeSync(fd, bytes, done, bytes.length - done, place + done)
}

function append(path: string, bytes: Buffer) {
  const fd = openPlain(path, constants.O_WRONLY | constants.O_APPEND)
  try {
    writeFileSync(fd, bytes)
  } finally {
    closeSync(fd)
  }
}

/**
 * Copies the bytes of a span to the offset `place`, which is after the span.
 * @returns the offset after the copy
 */
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

/**
 * Overwrites moved bytes at their old offset with zeros, so that an older version does not read the same
 * lines twice.
 */
function erase(fd: number, { from, to }: Span) {
  const zeros = Buffer.alloc(Math.min(CHUNK_BYTES, to - from))
  try {
    for (let done = from; done < to; done += zeros.length) write(fd, zeros.subarray(0, to - done), done)
  } catch {
    // On a full disk, even overwriting may fail. This version of the daemon skips the bytes, since they are
    // in a hole.
  }
}
