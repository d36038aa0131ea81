import { randomUUID } from 'node:crypto'
import { renameSync, rm } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type { Clock, Timer } from '../platform/clock.ts'
import type { Logger } from '../platform/log.ts'

/** Interval at which the deletion of folders is tried again. */
const RETRY_MS = 10_000

/**
 * Deletes agents' folders. Deleting needs file descriptors, of which a process may be short; renaming needs none. So a
 * folder leaves its name at once and is deleted as soon as possible, if need be by the next daemon.
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
   * @returns a promise that resolves after the first attempt to delete the folder, whether or not it succeeded
   * @throws the system's error, with the folder where it was
   */
  discard(dir: string): Promise<void> {
    const doomed = join(this.#parent, `.removed-${randomUUID()}`)
    renameSync(dir, doomed)
    return this.#delete(doomed)
  }

  /** Stops trying. The next daemon deletes the folders that are left. */
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
      this.#logger.warn({ path: doomed, err: error }, 'not deleted yet; the daemon will try again')
      this.#left.add(doomed)
      if (!this.#closed) this.#timer ??= this.#clock.setTimeout(() => this.#again(), RETRY_MS)
    }
  }

  #again() {
    this.#timer = undefined
    for (const doomed of this.#left) void this.#delete(doomed)
  }
}
