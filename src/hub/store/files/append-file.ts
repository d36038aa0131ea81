import { closeSync, fsyncSync, ftruncateSync, openSync, statSync, truncateSync } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import { dirname } from 'node:path'
import { systemCode } from '../../../platform/errors.ts'
import { JournalChangedError } from './commits/journal-changed-error.ts'
import type { SharedDurability } from './commits/shared-journals.ts'
import { readFully } from './read-fully.ts'

const NEWLINE = 10
const BLOCK_BYTES = 64 * 1024

/**
 * Maximum length of the lines that are made durable together with those of other files, in characters. Longer lines
 * are synced alone, because they would be written twice.
 */
const SHARED_CHARS = 128 * 1024

/**
 * An append-only file of lines. Flushed lines are on the disk. If a crash or a full disk leaves a partial
 * line, that line is cut off, so that the first `size` bytes are always whole lines.
 */
export class AppendFile {
  readonly path: string
  readonly #shared: SharedDurability | undefined
  #size: number
  #queue: (string | Uint8Array)[] = []
  #waiting = 0
  /** Data that was taken from the queue, but is not on the disk because the last attempt failed. */
  #stuck: Buffer | undefined
  /** True if the last attempt may have left part of its data after `#size`. */
  #torn = false
  #flushing: Promise<void> | undefined
  /** True if the file was synced in this run, together with the folders that contain its name. */
  #isSynced = false

  /**
   * Opens the file if it exists, and cuts off an incomplete last line.
   * @param shared makes short lines durable together with those of other files
   * @param size size of a file that is known to end with a whole line
   */
  constructor(path: string, shared?: SharedDurability, size = cutTornEnd(path)) {
    this.path = path
    this.#shared = shared
    this.#size = size
  }

  /** Number of bytes on the disk. */
  get size() {
    return this.#size
  }

  /** Length of the lines not yet on the disk, in characters or bytes. */
  get waiting() {
    return this.#waiting
  }

  get empty() {
    return this.#queue.length === 0 && this.#stuck === undefined
  }

  /** True if the next flush opens and syncs this file. */
  get isAlone() {
    return this.#torn || !this.#isSynced || this.#waiting > SHARED_CHARS || !this.#shared?.isOpen()
  }

  /** @param line the parts of one line; parts in bytes are UTF-8, and must not change until they are on the disk */
  add(...line: (string | Uint8Array)[]) {
    this.#queue.push(...line, '\n')
    for (const part of line) this.#waiting += part.length
  }

  /** Removes this line from the queue if it is the last line in the queue. @returns true if it was removed */
  takeBack(line: string): boolean {
    if (this.#queue.at(-2) !== line) return false
    this.#queue.splice(-2)
    this.#waiting -= line.length
    return true
  }

  /**
   * Resolves when all lines added before this call are on the disk. On failure, the next flush retries.
   * @throws the system error
   */
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

  /** Drops the lines that a flush could not write, and removes any part of them from the file. */
  discard() {
    this.#queue = []
    this.#stuck = undefined
    this.#waiting = 0
    if (!this.#torn) return
    // The next flush is alone, and makes the new end of the file durable.
    this.#isSynced = false
    try {
      this.#shared?.checkUse()
      truncateSync(this.path, this.#size)
      this.#torn = false
    } catch {
      // The next flush truncates the file.
    }
  }

  async #write(): Promise<void> {
    const data = bytesOf(this.#stuck === undefined ? this.#queue : [this.#stuck, ...this.#queue])
    this.#stuck = data
    this.#queue = []
    const taken = this.#waiting
    this.#shared?.checkUse()
    if (this.#shared && !this.isAlone) await this.#writeShared(this.#shared, data)
    else await this.#writeAlone(data)
    this.#size += data.length
    this.#torn = false
    this.#stuck = undefined
    this.#waiting -= taken
  }

  async #writeShared(shared: SharedDurability, data: Buffer): Promise<void> {
    // If this fails, the next attempt writes the lines alone.
    this.#isSynced = false
    shared.open(this.#size)
    this.#torn = true
    await shared.append(this.#size, data)
    this.#isSynced = true
  }

  async #writeAlone(data: Buffer): Promise<void> {
    const file = await open(this.path, 'a', 0o600)
    try {
      if (this.#shared) await this.#checkFile(file, this.#shared)
      // Truncate the file after `discard`, too, because new lines must not follow a partial line.
      if (this.#torn) await file.truncate(this.#size)
      this.#torn = true
      await file.appendFile(data)
      await this.#sync(file)
    } finally {
      await file.close()
    }
    if (this.#size === 0 || (this.#shared && !this.#isSynced)) await syncFolders(this.path)
    this.#isSynced = true
    this.#shared?.wroteAlone(data)
  }

  /** @throws an error if this is not the known file, unchanged */
  async #checkFile(file: FileHandle, shared: SharedDurability): Promise<void> {
    const { size } = await file.stat()
    shared.checkUse()
    if (size < this.#size || (size > this.#size && !this.#torn)) throw new JournalChangedError(this.path)
  }

  async #sync(file: FileHandle): Promise<void> {
    try {
      await file.datasync()
    } catch (error) {
      this.#shared?.syncFailed(error)
      // The lines are in memory, but perhaps never on the disk: the next start must not take them for durable.
      await file.truncate(this.#size).catch(() => {})
      throw error
    }
  }
}

/** Joins text and bytes. Adjacent texts are encoded together, because encoding many short texts is slow. */
function bytesOf(parts: (string | Uint8Array)[]): Buffer {
  const joined: (string | Uint8Array)[] = []
  let text = ''
  for (const part of parts)
    if (typeof part === 'string') text += part
    else {
      joined.push(text, part)
      text = ''
    }
  joined.push(text)
  let size = 0
  for (const part of joined) size += typeof part === 'string' ? Buffer.byteLength(part) : part.length
  const bytes = Buffer.allocUnsafe(size)
  let at = 0
  for (const part of joined)
    if (typeof part === 'string') at += bytes.write(part, at)
    else {
      bytes.set(part, at)
      at += part.length
    }
  return bytes
}

/** Syncs the folders, so that the names of a new file and its folder survive a power failure. */
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

/** Cuts off an incomplete last line. @returns the new size of the file; 0 if there is no file */
export function cutTornEnd(path: string): number {
  let size: number
  try {
    size = statSync(path).size
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return 0
    throw error
  }
  const fd = openSync(path, 'r')
  let whole: number
  try {
    whole = lastNewline(fd, size) + 1
  } finally {
    closeSync(fd)
  }
  if (whole < size) cutFile(path, whole)
  return whole
}

/** Makes a file shorter, durably. @throws the system error */
export function cutFile(path: string, size: number) {
  const fd = openSync(path, 'r+')
  try {
    ftruncateSync(fd, size)
    fsyncSync(fd)
  } finally {
    closeSync(fd)
  }
}

/** Returns the position of the last newline before `end`, or -1. */
export function lastNewline(fd: number, end: number): number {
  const block = Buffer.allocUnsafe(BLOCK_BYTES)
  for (let to = end; to > 0; to -= BLOCK_BYTES) {
    const from = Math.max(0, to - BLOCK_BYTES)
    const part = block.subarray(0, to - from)
    readFully(fd, part, from)
    const found = part.lastIndexOf(NEWLINE)
    if (found !== -1) return from + found
  }
  return -1
}
