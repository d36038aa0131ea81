import { appendFileSync, closeSync, fstatSync, fsyncSync, openSync, readSync, writeSync } from 'node:fs'

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
}

/**
 * Moves the end of a journal, from `from` on, to offset `to` or a little behind it, and leaves a hole. The agent goes on
 * appending behind what was moved.
 * @returns `at`: where the marker is now; `shift`: how far each byte was moved
 * @throws the system's error: the disk is full, or files cannot be so long. Nothing is moved then
 */
export function moveOn(path: string, { from, to, running, marker }: MoveOn): { at: number; shift: number } {
  const line = Buffer.from(`${marker}\n`)
  const fd = openSync(path, 'r+')
  try {
    const size = fstatSync(fd).size
    // What the agent appends in this moment must not reach the place that is about to be written.
    const at = Math.max(to, size + (running ? CHUNK_BYTES : 0))
    const shift = at + line.length - from
    // From here on the agent appends behind the place of what is moved.
    if (size > from) writeSync(fd, Buffer.alloc(1), 0, 1, size + shift - 1)
    writeSync(fd, line, 0, line.length, at)
    const late = appendedBefore(fd, size, at)
    copy(fd, { from, to: size, shift })
    if (late.length > 0) appendFileSync(path, late)
    erase(fd, from, size + late.length)
    fsyncSync(fd)
    return { at, shift }
  } finally {
    closeSync(fd)
  }
}

/** What was appended at `size` just before the file became longer. */
function appendedBefore(fd: number, size: number, at: number): Buffer {
  const bytes = Buffer.alloc(Math.min(CHUNK_BYTES, at - size))
  const read = readSync(fd, bytes, 0, bytes.length, size)
  const end = bytes.subarray(0, read).indexOf(0)
  return bytes.subarray(0, end === -1 ? read : end)
}

/** Copies `[from, to)` to where it belongs; the ranges do not overlap. */
function copy(fd: number, { from, to, shift }: { from: number; to: number; shift: number }) {
  const chunk = Buffer.alloc(Math.min(CHUNK_BYTES, to - from))
  for (let done = from; done < to; ) {
    const read = readSync(fd, chunk, 0, Math.min(chunk.length, to - done), done)
    if (read === 0) return
    writeSync(fd, chunk, 0, read, done + shift)
    done += read
  }
}

/** Its old place must not be read again as something that was said twice. */
function erase(fd: number, from: number, to: number) {
  const zeros = Buffer.alloc(Math.min(CHUNK_BYTES, to - from))
  for (let done = from; done < to; done += zeros.length)
    writeSync(fd, zeros, 0, Math.min(zeros.length, to - done), done)
}
