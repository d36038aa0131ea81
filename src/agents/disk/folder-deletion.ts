import { randomUUID } from 'node:crypto'
import { renameSync, rm } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type { Clock, Timer } from '../../platform/clock.ts'
import type { Logger } from '../../platform/log.ts'

/** Interval between attempts to delete folders, in ms. */
const RETRY_MS = 10_000

/**
 * Deletes agents' folders. Deleting a folder needs file descriptors, which may have run out; renaming a
 * folder needs none. So a folder is renamed at once, and deleted as soon as possible. If necessary, the next
 * daemon deletes it.
 */
export class FolderDeletion {
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
   * Renames a folder synchronously, then deletes it.
   * @returns a promise that resolves after the first attempt to delete the folder, successful or not
   * @throws the system error, with the folder unchanged
   */
  discard(dir: string): Promise<void> {
    const doomed = join(this.#parent, `.removed-${randomUUID()}`)
    renameSync(dir, doomed)
    return this.#delete(doomed)
  }

  /** Stops trying. The next daemon deletes the remaining folders. */
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
      this.#logger.warn({ path: doomed, err: error }, 'cannot delete the folder; will retry')
      this.#left.add(doomed)
      if (!this.#closed) this.#timer ??= this.#clock.setTimeout(() => this.#again(), RETRY_MS)
    }
  }

  #again() {
    this.#timer = undefined
    for (const doomed of this.#left) void this.#delete(doomed)
  }
}
