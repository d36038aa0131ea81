import { closeSync, constants, fstatSync, ftruncateSync, readSync, writeFileSync } from 'node:fs'
import { descriptorLimit } from '../../platform/descriptors.ts'
import { shortageIn, systemCode } from '../../platform/errors.ts'
import { NotPlainError, openOwnPlain, openPlain } from '../../platform/plain-files.ts'
import { Limits } from '../../protocol/index.ts'
import type { Span } from './span.ts'

const NEWLINE = 10
/**
 * Size of one read, in bytes. A read of this size from the page cache takes microseconds, so it does not
 * block the event loop.
 */
const CHUNK_BYTES = 256 * 1024

/**
 * Maximum size of a hole in a journal, and maximum ratio of the file's size to its size on the disk. A file
 * that exceeds both limits consists almost entirely of a hole. It is not read, since searching it for a
 * newline could take days. A hole does not count if this program itself made it. File systems with
 * compression stay within these limits.
 */
const HOLE_BYTES = 16 * 1024 ** 3
const HOLE_RATIO = 256
const BLOCK_BYTES = 512

/**
 * Maximum number of journals kept open between reads, because opening a journal takes longer than reading a line.
 * Most file descriptors stay free for other files.
 */
const MOST_KEPT = 1024
let mostKept: number | undefined

/** Open journals. The least recently used journal is first. */
const kept = new Set<Journal>()

/** Buffer for all journals. All journals can share it because reading is synchronous. */
const shared = Buffer.allocUnsafe(CHUNK_BYTES)
const NOTHING = Buffer.alloc(0)

export interface Line {
  /** Offset of the line's first byte. */
  start: number
  /** Offset after the line's newline. */
  end: number
  /** The line without its newline; only the head of the line if `tooLong`. Valid until the next read. */
  bytes: Buffer
  tooLong: boolean
}

/**
 * Reads whole lines of an append-only file that another process writes. Ignores a last line without a newline.
 */
export class Journal {
  readonly path: string
  #fd: number | undefined
  /**
   * Start of a long line in which no newline was found so far, and the offset up to which the line was
   * searched.
   */
  #open = { start: -1, searched: 0 }
  /** Spans to skip, in order. Each span begins and ends at the start of a line. */
  holes: readonly Span[] = []

  constructor(path: string) {
    this.path = path
  }

  /** Returns the file's inode; undefined if the file does not exist. */
  inode(): number | undefined {
    const fd = this.#file()
    return fd === undefined ? undefined : fstatSync(fd).ino
  }

  /** Returns the file's size in bytes; 0 if the file does not exist. */
  size(): number {
    const fd = this.#file()
    return fd === undefined ? 0 : fstatSync(fd).size
  }

  /**
   * Calls `visit` with each whole line from `offset` on. Stops when `visit` returns false, when `budget`
   * bytes are visited, or when there is no further whole line. A hole is visited as an empty line.
   * @returns the offset after the last visited line
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
        // The end of the file was reached. The watcher reports later writes.
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

  /**
   * Reports whether `offset` is at the start of a line. Returns true if the file is unreadable, because
   * another function reports this problem.
   */
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

  /** Returns the start of the first line at or after `offset`; undefined if there is none. */
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
      if (at === offset - 1) this.#refuseHole(fd, at)
      at += read
    }
    return undefined
  }

  /** Returns the last whole line in the file's last `CHUNK_BYTES`, or undefined. */
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

  /**
   * Appends lines that the launcher could not write. Call it only when no process of the agent can write to
   * the journal.
   */
  append(text: string) {
    this.#write((fd) => writeFileSync(fd, text))
  }

  /** Extends the file to at least `size` bytes with a hole. Only allowed while no process of the agent can write. */
  extend(size: number) {
    this.#write((fd) => {
      if (fstatSync(fd).size < size) ftruncateSync(fd, size)
    })
  }

  /**
   * Frees the disk space of all bytes, and keeps the file's size. Only allowed while no process of the agent
   * can write.
   */
  empty() {
    this.#write((fd) => {
      const { size } = fstatSync(fd)
      ftruncateSync(fd, 0)
      ftruncateSync(fd, size)
    })
  }

  /** Creates the journal for an agent to append to, unless a plain file already exists. */
  create() {
    this.#write(() => {})
  }

  #write(write: (fd: number) => void) {
    const fd = openOwnPlain(this.path, constants.O_WRONLY | constants.O_APPEND | constants.O_CREAT)
    try {
      write(fd)
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
    mostKept ??= Math.min(MOST_KEPT, Math.floor(descriptorLimit() / 4))
    if (kept.size > mostKept) {
      const [oldest] = kept
      oldest?.close()
    }
    return this.#fd
  }

  #openFile(): number | undefined {
    try {
      return openPlain(this.path, constants.O_RDONLY)
    } catch (error) {
      // Anything but a plain file counts as missing.
      if (systemCode(error) === 'ENOENT' || error instanceof NotPlainError) return undefined
      if (!shortageIn(error) || kept.size === 0) throw error
    }
    for (const other of [...kept]) other.close()
    return this.#openFile()
  }

  /** @throws an error if the file is almost entirely a hole after byte `start` */
  #refuseHole(fd: number, start: number) {
    const { size, blocks } = fstatSync(fd)
    const known = this.holes.reduce((sum, { from, to }) => sum + Math.max(0, to - Math.max(from, start)), 0)
    const length = size - start - known
    // Some file systems do not report how much of a file is on the disk.
    if (blocks > 0 && length > HOLE_BYTES && length > HOLE_RATIO * BLOCK_BYTES * blocks)
      throw new Error(`after byte ${start}, ${this.path} is almost entirely a hole (${length} bytes)`)
  }

  /** Reads a line that is longer than one read. Searches each byte once, no matter how often it is called. */
  #longLine(fd: number, start: number, read: number): Line | undefined {
    this.#refuseHole(fd, start)
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
