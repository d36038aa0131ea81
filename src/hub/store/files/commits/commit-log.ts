import { fstatSync, mkdirSync } from 'node:fs'
import { type FileHandle, open, rm } from 'node:fs/promises'
import { dirname } from 'node:path'
import type { Clock, Timer } from '../../../../platform/clock.ts'
import { shortageIn, systemCode } from '../../../../platform/errors.ts'
import { syncFolder } from '../../../../platform/files.ts'
import type { Logger } from '../../../../platform/log.ts'
import { type Lines, recordOf, removalOf } from './record.ts'
import { type SegmentFile, segmentFile, segmentsIn } from './segments.ts'

/** Size from which the log continues in a new segment, in bytes. */
const SEGMENT_BYTES = 32 * 1024 * 1024
/** Maximum number of full segments. Until their journals are synced, each journal is written alone. */
const FULL_SEGMENTS = 2
/** Number of journals that are synced at once. Node's thread pool has four threads, which commits need, too. */
const SYNCS = 2
/** Delay before the lines of removed agents are deleted, in ms. Agents that are removed together share a deletion. */
const FORGET_MS = 30_000
/** Delay before the log is written again after an error, and journals are synced again after a shortage, in ms. */
const RETRY_MS = 10_000

interface Segment extends SegmentFile {
  handle: FileHandle
  /** Number of bytes on the disk. */
  size: number
  /** True if a failed write may have left part of its data after `size`. */
  isTorn: boolean
  /** The agents that have records in the segment. */
  keys: Set<string>
}

/** A record that waits for the disk. */
interface Waiting {
  key: string
  parts: Buffer[]
  isRemoval: boolean
  done(): void
  failed(error: unknown): void
}

export interface CommitLogOptions {
  /** Folder of the segments. */
  dir: string
  /**
   * Syncs the journal of an agent. Does nothing for an agent that was removed.
   * @throws the system error; an error about a shortage says that the journal could not be opened
   */
  syncJournal(key: string): Promise<void>
  clock: Clock
  logger: Logger
}

/**
 * The latest lines of all journals, in a file that all agents share: one sync makes the activity of many agents
 * durable. The lines are also in the agents' journals, but those are synced later, all together. The file of the
 * lines, a segment, is then deleted. After a crash, `recoverJournals` writes the lines that a journal lacks.
 */
export class CommitLog {
  readonly #options: CommitLogOptions
  #segment: Segment | undefined
  #queue: Waiting[] = []
  /** Removals that could not be written. They are written before any other record. */
  #removals: Waiting[] = []
  #writing: Promise<void> | undefined
  /** Segments whose journals must be synced, oldest first. They are deleted in this order. */
  readonly #full: Segment[] = []
  #retiring: Promise<void> | undefined
  #retry: Timer | undefined
  #forgetting: Timer | undefined
  /** True to begin a new segment before the next record. */
  #isOver = false
  /** Number of the last segment. Numbers are not reused: `#full` may contain a segment whose file is already deleted. */
  #last = 0
  /** Time from which the log may be written again after an error. */
  #again = 0
  #isDistrusted = false
  #closed = false

  constructor(options: CommitLogOptions) {
    this.#options = options
  }

  /** False if journals must be written and synced alone. */
  get isOpen() {
    if (this.#closed || this.#isDistrusted || this.#full.length >= FULL_SEGMENTS) return false
    return this.#options.clock.monotonic() >= this.#again
  }

  /** Resolves when the lines are durable. @throws the system error */
  append(key: string, lines: Lines): Promise<void> {
    return new Promise((done, failed) => {
      this.#queue.push({ key, parts: recordOf(key, lines), isRemoval: false, done, failed })
      this.#write()
    })
  }

  /** Makes earlier records of an agent invalid, because another agent may get its key, and deletes them soon. */
  remove(key: string) {
    const isUnused = this.#last === 0 && !this.#writing
    if (isUnused || this.#closed) return
    const failed = (error: unknown) =>
      this.#options.logger.warn(
        { err: error, agent: key },
        'could not record the removal of an agent; will retry',
      )
    this.#queue.push({ key, parts: removalOf(key), isRemoval: true, done() {}, failed })
    this.#write()
    this.#forgetting ??= this.#options.clock.setTimeout(() => {
      this.#forgetting = undefined
      if (this.#isDistrusted || this.#full.length >= FULL_SEGMENTS) return
      this.#isOver = true
      this.#write()
    }, FORGET_MS)
  }

  /**
   * Stops the use of the log, because a journal could not be synced. The system reports such an error once, and a
   * second sync proves nothing. The segments are kept: the next hub writes their lines to the journals again.
   */
  distrust(error: unknown) {
    if (this.#isDistrusted) return
    this.#isDistrusted = true
    this.#options.logger.error({ err: error }, 'a journal could not be synced; the commit log is kept')
  }

  /** Syncs all journals, and deletes the segments. */
  async close(): Promise<void> {
    this.#closed = true
    if (this.#removals.length > 0) this.#write()
    while (this.#writing) await this.#writing
    this.#clearTimers()
    await this.#rotate()
    // A retirement that was running may have ended before the last segment was full.
    await this.#retiring
    await this.#retire()
  }

  #write() {
    // Collects the records of all agents that are added in this turn of the event loop.
    this.#writing ??= Promise.resolve().then(() => this.#writeAll())
  }

  async #writeAll(): Promise<void> {
    do {
      if (this.#isOver) await this.#rotate()
      const group = [...this.#removals, ...this.#queue.splice(0)]
      try {
        if (group.length > 0) await this.#writeGroup(group)
        this.#removals = []
        for (const { done } of group) done()
      } catch (error) {
        this.#again = this.#options.clock.monotonic() + RETRY_MS
        this.#removals = group.filter(({ isRemoval }) => isRemoval)
        for (const { failed } of group) failed(error)
      }
    } while (this.#queue.length > 0 || this.#isOver)
    this.#writing = undefined
  }

  async #writeGroup(group: Waiting[]): Promise<void> {
    if (this.#segment && isLost(this.#segment)) await this.#rotate()
    this.#segment ??= await this.#begin()
    const segment = this.#segment
    for (const { key } of group) segment.keys.add(key)
    const data = Buffer.concat(group.flatMap(({ parts }) => parts))
    if (segment.isTorn) await segment.handle.truncate(segment.size)
    segment.isTorn = true
    await segment.handle.appendFile(data)
    await segment.handle.datasync()
    segment.isTorn = false
    segment.size += data.length
    this.#isOver ||= segment.size >= SEGMENT_BYTES
  }

  async #begin(): Promise<Segment> {
    const { dir } = this.#options
    makeFolder(dir)
    this.#last = Math.max(this.#last, ...segmentsIn(dir).map(({ number }) => number)) + 1
    const file = segmentFile(dir, this.#last)
    const handle = await open(file.path, 'ax', 0o600)
    try {
      for (const folder of [dir, dirname(dir)]) syncFolder(folder)
    } catch (error) {
      await handle.close()
      await rm(file.path, { force: true })
      throw error
    }
    return { ...file, handle, size: 0, isTorn: false, keys: new Set() }
  }

  /** Ends the current segment. The next records begin a new segment. */
  async #rotate(): Promise<void> {
    this.#isOver = false
    const segment = this.#segment
    if (!segment) return
    this.#segment = undefined
    this.#full.push(segment)
    void this.#retire()
    // The records are synced, so an error means nothing.
    await segment.handle.close().catch(() => {})
  }

  #retire(): Promise<void> {
    if (this.#retry) this.#options.clock.clearTimeout(this.#retry)
    this.#retry = undefined
    this.#retiring ??= Promise.resolve().then(() => this.#retireAll())
    return this.#retiring
  }

  async #retireAll(): Promise<void> {
    const { clock, logger } = this.#options
    try {
      for (let segment = this.#full[0]; segment && !this.#isDistrusted; segment = this.#full[0])
        await this.#delete(segment)
    } catch (error) {
      if (shortageIn(error) === undefined) this.distrust(error)
      else {
        logger.warn({ err: error }, 'could not sync journals; will retry')
        if (!this.#closed) this.#retry = clock.setTimeout(() => void this.#retire(), RETRY_MS)
      }
    }
    this.#retiring = undefined
  }

  /** Syncs the journals of a segment, and deletes the segment. */
  async #delete(segment: Segment): Promise<void> {
    const left = [...segment.keys]
    const sync = async () => {
      for (let key = left.pop(); key !== undefined; key = left.pop()) await this.#options.syncJournal(key)
    }
    const results = await Promise.allSettled(Array.from({ length: SYNCS }, sync))
    for (const result of results) if (result.status === 'rejected') throw result.reason
    // An error of another journal arrived in the meantime.
    if (this.#isDistrusted) return
    await rm(segment.path, { force: true })
    syncFolder(this.#options.dir)
    this.#full.shift()
  }

  #clearTimers() {
    for (const timer of [this.#retry, this.#forgetting]) if (timer) this.#options.clock.clearTimeout(timer)
  }
}

/** Reports whether another program has changed or deleted a segment. */
function isLost({ handle, size, isTorn }: Segment): boolean {
  const found = fstatSync(handle.fd)
  return found.nlink === 0 || (found.size !== size && !isTorn)
}

/** Creates the folder, but not its parent: a running hub must not recreate its own folder. */
function makeFolder(dir: string) {
  try {
    mkdirSync(dir, { mode: 0o700 })
  } catch (error) {
    if (systemCode(error) !== 'EEXIST') throw error
  }
}
