import { appendFileSync, closeSync, fstatSync, ftruncateSync, openSync, readSync } from 'node:fs'
import { shortageIn, systemCode } from '../platform/errors.ts'
import { Limits } from '../protocol/index.ts'
import type { Span } from './generations.ts'

const NEWLINE = 10
/** One read(2) from the page cache takes microseconds; more would hold up the event loop. */
const CHUNK_BYTES = 256 * 1024

/** Maximum number of journals that stay open between reads, so that many agents do not use up the file descriptors. */
const KEPT_OPEN = 32

/** Open journals, the least recently used first. */
const kept = new Set<Journal>()

/** One buffer for all journals: reading is synchronous, so nobody else is in it. */
const shared = Buffer.allocUnsafe(CHUNK_BYTES)
const NOTHING = Buffer.alloc(0)

export interface Line {
  /** Offset of its first byte. */
  start: number
  /** Offset behind its newline. */
  end: number
  /** The line without its newline; its head only when `tooLong`. Valid until the next read. */
  bytes: Buffer
  tooLong: boolean
}

/**
 * Reads whole lines of an append-only file that somebody else writes. A line that has no newline yet is not there yet.
 */
export class Journal {
  readonly path: string
  #fd: number | undefined
  /** A started line that has no newline yet: where it starts, and how far it was searched for one. */
  #open = { start: -1, searched: 0 }
  /** Spans without anything to read, in order. Each reaches from the start of a line to the start of another. */
  holes: readonly Span[] = []

  constructor(path: string) {
    this.path = path
  }

  /** Inode of the file; undefined while there is none. */
  inode(): number | undefined {
    const fd = this.#file()
    return fd === undefined ? undefined : fstatSync(fd).ino
  }

  /** Bytes in the file; 0 while there is none. */
  size(): number {
    const fd = this.#file()
    return fd === undefined ? 0 : fstatSync(fd).size
  }

  /**
   * Calls `visit` with the whole lines from `offset` on, until it returns false, the lines seen make up `budget` bytes,
   * or there is no further whole line. A hole is an empty line.
   * @returns the offset behind the last line visited
   */
  lines(offset: number, budget: number, visit: (line: Line) => boolean | undefined): number {
    const fd = this.#file()
    if (fd === undefined) return offset
    let at = offset
    const until = offset + budget
    while (at < until) {
      const hole = this.holes.find(({ to }) => to > at)
      if (hole && hole.from <= at) {
        if (visit({ start: at, end: hole.to, bytes: NOTHING, tooLong: false }) === false) return hole.to
        at = hole.to
        continue
      }
      const wanted = Math.min(shared.length, Math.max(until - at, 4096), hole ? hole.from - at : Infinity)
      const read = readSync(fd, shared, 0, wanted, at)
      if (read === 0) return at
      const chunk = shared.subarray(0, read)
      let from = 0
      for (;;) {
        const newline = chunk.indexOf(NEWLINE, from)
        if (newline === -1) break
        const line = {
          start: at + from,
          end: at + newline + 1,
          bytes: chunk.subarray(from, newline),
          tooLong: false,
        }
        from = newline + 1
        if (visit(line) === false || line.end >= until) return line.end
      }
      if (from > 0) {
        at += from
        // The end of the file, some moments ago: whoever has written since then says so.
        if (read < wanted) return at
      } else {
        const line = this.#longLine(fd, at, read)
        if (!line) return at
        at = line.end
        if (visit(line) === false) return at
      }
    }
    return at
  }

  /** Whether no line is cut in two at `offset`. True for a file that cannot be read, which is reported elsewhere. */
  isLineStart(offset: number): boolean {
    if (offset <= 0 || this.holes.some(({ from, to }) => from <= offset && offset <= to)) return true
    const before = Buffer.alloc(1)
    try {
      const fd = this.#file()
      return fd !== undefined && readSync(fd, before, 0, 1, offset - 1) === 1 && before[0] === NEWLINE
    } catch {
      return true
    }
  }

  /** Returns where the first line at or after `offset` starts; undefined while there is none. */
  lineStart(offset: number): number | undefined {
    if (offset <= 0) return 0
    const hole = this.holes.find(({ from, to }) => from < offset && offset <= to)
    if (hole) return hole.to
    const fd = this.#file()
    for (let at = offset - 1; fd !== undefined; ) {
      const read = readSync(fd, shared, 0, shared.length, at)
      if (read === 0) break
      const newline = shared.indexOf(NEWLINE)
      if (newline !== -1 && newline < read) return at + newline + 1
      at += read
    }
    return undefined
  }

  /** The file's last whole line, or undefined. Only looks at the last `CHUNK_BYTES`. */
  lastLine(): string | undefined {
    const size = this.size()
    if (size === 0 || this.#fd === undefined) return undefined
    const from = Math.max(0, size - CHUNK_BYTES)
    const tail = shared.toString('utf8', 0, readSync(this.#fd, shared, 0, CHUNK_BYTES, from))
    return tail
      .split('\n')
      .slice(0, -1)
      .findLast((line) => line !== '')
  }

  /** Adds what the launcher could not. Only when no process of the agent is there to write. */
  append(text: string) {
    appendFileSync(this.path, text, { mode: 0o600 })
  }

  /** Makes the file at least `size` bytes long, by a hole at its end. Only when no process of the agent is there to write. */
  extend(size: number) {
    const fd = openSync(this.path, 'a', 0o600)
    try {
      if (fstatSync(fd).size < size) ftruncateSync(fd, size)
    } finally {
      closeSync(fd)
    }
  }

  /** Closes the file; the next read opens it again. */
  close() {
    kept.delete(this)
    if (this.#fd !== undefined) closeSync(this.#fd)
    this.#fd = undefined
  }

  #file(): number | undefined {
    this.#fd ??= this.#openFile()
    kept.delete(this)
    if (this.#fd === undefined) return undefined
    kept.add(this)
    const [oldest] = kept
    if (kept.size > KEPT_OPEN) oldest?.close()
    return this.#fd
  }

  #openFile(): number | undefined {
    try {
      return openSync(this.path, 'r')
    } catch (error) {
      if (systemCode(error) === 'ENOENT') return undefined
      if (!shortageIn(error) || kept.size === 0) throw error
    }
    for (const other of [...kept]) other.close()
    return this.#openFile()
  }

  /** A line longer than what one read brought. Searches each byte once, however often it is asked. */
  #longLine(fd: number, start: number, read: number): Line | undefined {
    if (this.#open.start !== start) this.#open = { start, searched: start + read }
    const window = Buffer.allocUnsafe(CHUNK_BYTES)
    let end = -1
    while (end === -1) {
      const got = readSync(fd, window, 0, window.length, this.#open.searched)
      if (got === 0) return undefined
      const newline = window.subarray(0, got).indexOf(NEWLINE)
      if (newline === -1) this.#open.searched += got
      else end = this.#open.searched + newline + 1
    }
    this.#open = { start: -1, searched: 0 }
    const bytes = end - 1 - start
    const tooLong = bytes > Limits.line_bytes
    const wanted = tooLong ? CHUNK_BYTES : bytes
    const line = Buffer.allocUnsafe(wanted)
    for (let done = 0; done < wanted; ) done += readSync(fd, line, done, wanted - done, start + done)
    return { start, end, bytes: line, tooLong }
  }
}
