import { type FileHandle, open } from 'node:fs/promises'
import type { Clock } from '../../../../platform/clock.ts'
import { systemCode } from '../../../../platform/errors.ts'
import type { Logger } from '../../../../platform/log.ts'
import { CommitLog } from './commit-log.ts'
import { OpenFiles } from './open-files.ts'
import { type Tail, tailOf } from './record.ts'

/** Makes small additions to many journals durable with one sync. Belongs to one journal. */
export interface SharedDurability {
  /** @throws an error if the agent was removed, because the path may belong to another agent */
  checkUse(): void
  /** False if the journal must be written and synced alone. */
  isOpen(): boolean
  /** Prepares `append`. @param size the journal's size, in bytes @throws JournalChangedError, or the system error */
  open(size: number): void
  /**
   * Appends lines to the journal, which must be open and durable up to its end. Resolves when the lines are durable.
   * @throws the system error
   */
  append(at: number, lines: Buffer): Promise<void>
  /** Takes note of lines that were written to the journal alone. */
  wroteAlone(lines: Buffer): void
  /** Takes note of a failed sync of the journal. */
  syncFailed(error: unknown): void
}

export interface SharedJournalsOptions {
  /** Returns the path of an agent's journal. */
  pathOf(key: string): string
  /** Folder of the commit log. */
  commitsDir: string
  clock: Clock
  logger: Logger
}

/** The parts that all journals share: the commit log, and the files that stay open. */
export class SharedJournals {
  readonly #options: SharedJournalsOptions
  readonly #log: CommitLog
  readonly #files: OpenFiles
  /** Ends the use of each journal. */
  readonly #ends = new Map<string, AbortController>()
  #usesLog = false

  constructor(options: SharedJournalsOptions) {
    this.#options = options
    const { commitsDir, clock, logger } = options
    this.#files = new OpenFiles(clock)
    this.#log = new CommitLog({ dir: commitsDir, syncJournal: (key) => this.#sync(key), clock, logger })
  }

  /** Allows the use of the commit log. Until then, each journal is written alone. */
  useLog() {
    this.#usesLog = true
  }

  /** Returns what one journal needs. */
  of(key: string): SharedDurability {
    const path = this.#options.pathOf(key)
    const end = new AbortController()
    this.#ends.set(key, end)
    let before: Tail | undefined
    return {
      checkUse: () => end.signal.throwIfAborted(),
      isOpen: () => before !== undefined && this.#usesLog && this.#log.isOpen,
      open: (size) => this.#files.open(path, size),
      append: async (at, lines) => {
        this.#files.append(path, lines)
        await this.#log.append(key, { at, lines, before: before! })
        before = tailOf(lines)
      },
      wroteAlone: (lines) => {
        before = tailOf(lines)
      },
      syncFailed: (error) => this.#log.distrust(error),
    }
  }

  /** Ends the use of the journal of a removed agent: its path may soon belong to another agent. */
  forget(key: string) {
    const end = this.#ends.get(key)
    // A journal that was not used has no lines in the log.
    if (!end) return
    end.abort()
    this.#ends.delete(key)
    this.#files.close(this.#options.pathOf(key))
    this.#log.remove(key)
  }

  /** Syncs all journals. */
  async close(): Promise<void> {
    await this.#log.close()
    this.#files.closeAll()
  }

  async #sync(key: string): Promise<void> {
    let file: FileHandle
    try {
      file = await open(this.#options.pathOf(key), 'r+')
    } catch (error) {
      // The agent was removed.
      if (systemCode(error) === 'ENOENT') return
      throw error
    }
    try {
      await file.datasync()
    } catch (error) {
      this.#log.distrust(error)
      throw error
    } finally {
      await file.close()
    }
  }
}
