import { randomUUID } from 'node:crypto'
import { renameSync, rm } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type { Clock, Timer } from '../platform/clock.ts'
import type { Logger } from '../platform/log.ts'

/** Interval at which the deletion of folders is tried again. */
const RETRY_MS = 10_000

/**
 * Deletes agents' folders. Deleting takes file descriptors, which a process may be short of; a new name takes none. So a
 * folder is out of the way at once, and deleted when that is possible, by the next daemon if need be.
 */
export class Discards {
  readonly #parent: string
  readonly #clock: Clock
  readonly #logger: Logger
  readonly #left = new Set<string>()
  #timer: Timer | undefined
  #closed = false

  constructor({ dir, clock, logger }: { dir: string; clock: Clock; logger: Logger }) {
    this.#parent = dir
    this.#clock = clock
    this.#logger = logger
  }

  /**
   * Takes a folder away from its name before it returns.
   * @returns a promise that resolves when the folder is deleted, or its deletion is to be tried again
   * @throws the system's error, with the folder where it was
   */
  discard(dir: string): Promise<void> {
    const doomed = join(this.#parent, `.removed-${randomUUID()}`)
    renameSync(dir, doomed)
    return this.#delete(doomed)
  }

  /** What is left is deleted by the next daemon. */
  close() {
    this.#closed = true
    if (this.#timer) this.#clock.clearTimeout(this.#timer)
    this.#timer = undefined
  }

  async #delete(doomed: string): Promise<void> {
    try {
      await promisify(rm)(doomed, { recursive: true, force: true })
      this.#left.delete(doomed)
    } catch (error) {
      this.#logger.warn({ path: doomed, err: error }, 'not deleted yet; it is tried again')
      this.#left.add(doomed)
      if (!this.#closed) this.#timer ??= this.#clock.setTimeout(() => this.#again(), RETRY_MS)
    }
  }

  #again() {
    this.#timer = undefined
    for (const doomed of this.#left) void this.#delete(doomed)
  }
}
