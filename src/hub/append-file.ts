import { closeSync, ftruncateSync, openSync, readSync, statSync, truncateSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { dirname } from 'node:path'
import { systemCode } from '../platform/errors.ts'

const NEWLINE = 10
const BLOCK_BYTES = 64 * 1024

/**
 * A file of lines that only grows. What was flushed is on the disk; a line torn by a crash or by a full disk is cut off,
 * so that a reader of the first `size` bytes sees whole lines only.
 */
export class AppendFile {
  readonly path: string
  #size: number
  #queue: string[] = []
  #waiting = 0
  /** Taken from the queue, but not on the disk yet: the last attempt failed. */
  #stuck: Buffer | undefined
  /** The last attempt may have left a part behind `#size`. */
  #torn = false
  #flushing: Promise<void> | undefined

  /** Opens what is there, if anything. Cuts off a last line that has no end. */
  constructor(path: string) {
    this.path = path
    this.#size = cutTornEnd(path)
  }

  /** Bytes that are on the disk. */
  get size() {
    return this.#size
  }

  /** Characters that are not on the disk yet. */
  get waiting() {
    return this.#waiting
  }

  get empty() {
    return this.#queue.length === 0 && this.#stuck === undefined
  }

  add(line: string) {
    this.#queue.push(`${line}\n`)
    this.#waiting += line.length
  }

  /** Takes back the line that was added last, if it is this one and still waits. @returns whether it was */
  takeBack(line: string): boolean {
    if (this.#queue.at(-1) !== `${line}\n`) return false
    this.#queue.pop()
    this.#waiting -= line.length
    return true
  }

  /** Resolves when all that was added before is on the disk. After a failure it is kept for the next flush. @throws the system's error */
  async flush(): Promise<void> {
    while (this.#flushing) await this.#flushing.catch(() => {})
    if (this.empty) return
    this.#flushing = this.#write()
    try {
      await this.#flushing
    } finally {
      this.#flushing = undefined
    }
  }

  /** Gives up what a flush could not write, and takes back the part of it that is in the file. */
  discard() {
    this.#queue = []
    this.#stuck = undefined
    this.#waiting = 0
    if (!this.#torn) return
    try {
      truncateSync(this.path, this.#size)
      this.#torn = false
    } catch {
      // The next flush does it.
    }
  }

  async #write(): Promise<void> {
    const data = Buffer.concat([this.#stuck ?? Buffer.alloc(0), Buffer.from(this.#queue.join(''))])
    this.#stuck = data
    this.#queue = []
    const taken = this.#waiting
    const file = await open(this.path, 'a', 0o600)
    try {
      // Also before lines that are none of the last attempt's: they would stand in the middle of one.
      if (this.#torn) await file.truncate(this.#size)
      this.#torn = true
      await file.appendFile(data)
      await file.datasync()
    } finally {
      await file.close()
    }
    if (this.#size === 0) await syncFolders(this.path)
    this.#size += data.length
    this.#torn = false
    this.#stuck = undefined
    this.#waiting -= taken
  }
}

/** A new file's name, and that of its folder, must survive a power failure too. */
async function syncFolders(path: string) {
  for (const folder of [dirname(path), dirname(dirname(path))]) {
    const handle = await open(folder, 'r')
    try {
      await handle.sync()
    } finally {
      await handle.close()
    }
  }
}

/** @returns how long the file is then */
function cutTornEnd(path: string): number {
  let size: number
  try {
    size = statSync(path).size
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return 0
    throw error
  }
  const fd = openSync(path, 'r+')
  try {
    const whole = lastNewline(fd, size) + 1
    if (whole < size) ftruncateSync(fd, whole)
    return whole
  } finally {
    closeSync(fd)
  }
}

/** Where the last newline before `end` is; -1 if there is none. */
export function lastNewline(fd: number, end: number): number {
  const block = Buffer.allocUnsafe(BLOCK_BYTES)
  for (let to = end; to > 0; to -= BLOCK_BYTES) {
    const from = Math.max(0, to - BLOCK_BYTES)
    const read = readSync(fd, block, 0, to - from, from)
    const found = block.subarray(0, read).lastIndexOf(NEWLINE)
    if (found !== -1) return from + found
  }
  return -1
}
