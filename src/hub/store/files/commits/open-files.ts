import { closeSync, constants, fstatSync, openSync, writeSync } from 'node:fs'
import type { Clock } from '../../../../platform/clock.ts'
import { descriptorLimit } from '../../../../platform/descriptors.ts'
import { shortageIn } from '../../../../platform/errors.ts'
import { orUndefined } from '../../../../platform/or-undefined.ts'
import { JournalChangedError } from './journal-changed-error.ts'

const APPEND = constants.O_WRONLY | constants.O_APPEND
/** Maximum number of files that stay open. */
const MAX_OPEN = 1024
/** Maximum share of the process's file descriptors for these files: connections need descriptors, too. */
const MOST_SHARE = 1 / 8
/** Time for which a check of an open file is valid, in ms. A check costs as much as a short write. */
const CHECK_MS = 1000

interface OpenFile {
  fd: number
  /** Time of the last check. */
  checked: number
}

/**
 * Files that stay open between appends, because opening a file costs more than a short write. The file that was not
 * used for the longest time is closed first.
 */
export class OpenFiles {
  readonly #files = new Map<string, OpenFile>()
  readonly #clock: Clock
  readonly #most = Math.min(MAX_OPEN, MOST_SHARE * descriptorLimit())

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /**
   * Opens an existing file.
   * @param size size that the file must have, in bytes
   * @throws JournalChangedError, or the system error
   */
  open(path: string, size: number) {
    const file = this.#open(path)
    const now = this.#clock.monotonic()
    if (now - file.checked < CHECK_MS) return
    const found = fstatSync(file.fd)
    file.checked = now
    if (found.size === size && found.nlink > 0) return
    this.close(path)
    throw new JournalChangedError(path)
  }

  /** Appends to an open file. The data is not synced. @throws the system error */
  append(path: string, data: Buffer) {
    const { fd } = this.#open(path)
    try {
      for (let at = 0; at < data.length; ) at += writeSync(fd, data, at)
    } catch (error) {
      this.close(path)
      throw error
    }
  }

  close(path: string) {
    const file = this.#files.get(path)
    if (!file) return
    this.#files.delete(path)
    orUndefined(() => closeSync(file.fd))
  }

  closeAll() {
    for (const path of [...this.#files.keys()]) this.close(path)
  }

  #open(path: string): OpenFile {
    const file = this.#files.get(path) ?? { fd: this.#opened(path), checked: Number.NEGATIVE_INFINITY }
    this.#files.delete(path)
    this.#files.set(path, file)
    if (this.#files.size > this.#most) this.close(this.#files.keys().next().value!)
    return file
  }

  #opened(path: string): number {
    try {
      return openSync(path, APPEND)
    } catch (error) {
      if (shortageIn(error) === undefined || this.#files.size === 0) throw error
      this.closeAll()
      return openSync(path, APPEND)
    }
  }
}
