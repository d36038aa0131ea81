import { join } from 'node:path'
import type { Clock, Timer } from '../../../platform/clock.ts'
import { Emitter } from '../../../platform/emitter.ts'
import type { Logger } from '../../../platform/log.ts'
import type { Activity } from '../../../protocol/index.ts'
import type { EventId } from '../event-id.ts'
import { inTurns } from '../in-turns.ts'
import type { JournalEvents, JournalState, Journals, StoreProblem, Verdict } from '../journals.ts'
import { journalPath, makeAgentFolder } from './agent-folder.ts'
import { BackwardJournalReader } from './backward-journal-reader.ts'
import { SharedJournals } from './commits/shared-journals.ts'
import { deleteFolder } from './deleted-folders.ts'
import { EventJournal } from './event-journal.ts'
import { type JournalEnd, NO_JOURNAL, readEnd, repairText, stateAt } from './journal-end.ts'
import { JournalReader } from './journal-reader.ts'
import { problemOf } from './store-problem.ts'

/**
 * Time for which frames are collected before they are written together, in milliseconds. Writing a hundred
 * frames takes no longer than writing one.
 */
const GATHER_MS = 3
/** Maximum number of characters waiting for the disk, over all agents. */
const WAITING_CHARS = 128 * 1024 * 1024
/** Interval between retries while the disk cannot be written, in milliseconds. */
const RETRY_MS = 1000
/** Maximum number of agents whose activity is written at once. */
const COMMIT_AGENTS = 1024
/** Maximum number of these agents whose journals are written alone: each needs a file descriptor. */
const COMMIT_ALONE = 64
/**
 * Maximum number of characters that are written at once. Without this limit, the first agents would wait for the
 * disk to write the activity of all agents.
 */
const COMMIT_CHARS = 16 * 1024 * 1024

const EMPTY = stateAt(NO_JOURNAL)

export interface JournalStoreOptions {
  /** Folder with a folder per agent. */
  dir: string
  /** Folder of the commit log. */
  commitsDir: string
  clock: Clock
  logger: Logger
}

/** The activity of all agents, written to the disk in groups. Agents are identified by folder name. */
export class JournalStore implements Journals {
  readonly events = new Emitter<JournalEvents>()
  readonly #options: JournalStoreOptions
  readonly #shared: SharedJournals
  /** Journals that this hub has read or continued. */
  readonly #logs = new Map<string, EventJournal>()
  /** Ends of all other open journals. Most agents are idle, and an end takes less memory than a journal. */
  readonly #idle = new Map<string, JournalEnd>()
  /** Agents with activity waiting for the disk, and their machines. */
  readonly #dirty = new Map<string, string>()
  /** Agents in `#dirty` whose last write failed, and the time of the next attempt for each. */
  readonly #failing = new Map<string, number>()
  /** Number of characters not yet on the disk, for all agents together. */
  #waiting = 0
  /** Number of characters not yet on the disk, per machine. */
  readonly #waitingOf = new Map<string, number>()
  #timer: { timer: Timer; at: number } | undefined
  #committing: Promise<void> | undefined
  #problem: StoreProblem | undefined
  #closed = false

  constructor(options: JournalStoreOptions) {
    this.#options = options
    this.#shared = new SharedJournals({ ...options, pathOf: (key) => journalPath(options.dir, key) })
  }

  get problem() {
    return this.#problem
  }

  /**
   * From now on, makes the activity of many agents durable with one sync. Until then, an earlier version of the hub,
   * which does not know the commit log, finds all activity in the journals.
   */
  useCommitLog() {
    this.#shared.useLog()
  }

  /** @param end the end of the journal, if it is known */
  async open(key: string, end?: JournalEnd): Promise<void> {
    if (!this.#logs.has(key) && !this.#idle.has(key)) this.#idle.set(key, end ?? this.#readEnd(key))
  }

  /** Reports whether this hub has read or continued a journal. */
  isUsed(key: string): boolean {
    return this.#logs.has(key)
  }

  stateOf(key: string): JournalState {
    const idle = this.#idle.get(key)
    return idle ? stateAt(idle) : (this.#logs.get(key) ?? EMPTY)
  }

  /** @throws the system error */
  #readEnd(key: string): JournalEnd {
    const { dir, logger } = this.#options
    return readEnd(journalPath(dir, key), (repair) =>
      logger.error({ agent: key, ...repair }, repairText(repair)),
    )
  }

  /** @throws the system error */
  #log(key: string): EventJournal {
    let log = this.#logs.get(key)
    if (!log) {
      const end = this.#idle.get(key) ?? this.#readEnd(key)
      log = new EventJournal(journalPath(this.#options.dir, key), end, this.#shared.of(key))
      this.#idle.delete(key)
      this.#logs.set(key, log)
    }
    return log
  }

  get #full() {
    return this.#waiting > WAITING_CHARS
  }

  waitingOf(machineId: string): number {
    return this.#waitingOf.get(machineId) ?? 0
  }

  hasRoom(key: string) {
    return !this.#full && !this.#logs.get(key)?.full
  }

  async take(key: string, machineId: string, activity: Activity, begin: number): Promise<Verdict> {
    if (this.#full) return 'full'
    const log = this.#log(key)
    const before = log.waiting
    const verdict = log.take(activity, begin)
    if (verdict === 'taken') {
      const added = log.waiting - before
      this.#waiting += added
      this.#waitingOf.set(machineId, this.waitingOf(machineId) + added)
      this.#dirty.set(key, machineId)
      this.#schedule(GATHER_MS)
    }
    return verdict
  }

  async turn(key: string, from: number): Promise<void> {
    await this.#log(key).turn(from)
    this.events.emit('turned', key)
  }

  read(key: string, after: EventId): JournalReader {
    return new JournalReader(this.#log(key), after)
  }

  readBackward(key: string, before: EventId): BackwardJournalReader {
    return new BackwardJournalReader(this.#log(key), before)
  }

  /**
   * Deletes the folder of an agent.
   * @throws the system error; in this case, no other agent may get the key before another call has succeeded
   */
  forget(key: string) {
    this.#logs.delete(key)
    this.#idle.delete(key)
    this.#dirty.delete(key)
    this.#failing.delete(key)
    this.#shared.forget(key)
    const { dir, logger } = this.#options
    deleteFolder(dir, key, logger)
  }

  /** Writes the waiting activity to the disk. */
  async close(): Promise<void> {
    this.#closed = true
    this.#unschedule()
    await this.#committing
    const left = [...this.#dirty]
    for (let from = 0; from < left.length; from += COMMIT_ALONE)
      await this.#commit(left.slice(from, from + COMMIT_ALONE))
    await this.#shared.close()
  }

  #schedule(ms: number) {
    if (this.#committing || this.#closed) return
    const { clock } = this.#options
    const at = clock.monotonic() + ms
    // Keep the timer if it fires earlier. If the timer fires later, it is for a retry: replace it, so that it
    // does not delay new activity.
    if (this.#timer && this.#timer.at <= at) return
    this.#unschedule()
    const timer = clock.setTimeout(() => {
      this.#timer = undefined
      this.#committing = this.#commit(this.#next()).finally(() => {
        this.#committing = undefined
        if (this.#dirty.size > 0) this.#schedule(this.#wait())
      })
    }, ms)
    this.#timer = { timer, at }
  }

  #unschedule() {
    if (this.#timer) this.#options.clock.clearTimeout(this.#timer.timer)
    this.#timer = undefined
  }

  /** Returns the time until the next write, in milliseconds. */
  #wait(): number {
    if (this.#dirty.size > this.#failing.size) return GATHER_MS
    const [next = 0] = this.#failing.values()
    return Math.max(GATHER_MS, next - this.#options.clock.monotonic())
  }

  /** Returns the agents whose activity is written next. Machines take turns. */
  #next(): [key: string, machineId: string][] {
    const now = this.#options.clock.monotonic()
    const due = [...this.#dirty].filter(([key]) => (this.#failing.get(key) ?? now) <= now)
    const next: [string, string][] = []
    let [chars, alone] = [0, 0]
    for (const each of inTurns(due)) {
      next.push(each)
      const log = this.#logs.get(each[0])
      chars += log?.waiting ?? 0
      if (log?.isAlone) alone++
      if (next.length === COMMIT_AGENTS || alone === COMMIT_ALONE || chars >= COMMIT_CHARS) return next
    }
    return next
  }

  async #commit(dirty: [key: string, machineId: string][]): Promise<void> {
    const { logger, clock } = this.#options
    const begun = clock.monotonic()
    for (const [key] of dirty) this.#dirty.delete(key)
    const failures: unknown[] = []
    const done = await Promise.all(
      dirty.map(async ([id, machineId]) => {
        const log = this.#logs.get(id)
        try {
          if (log?.have === 0) makeAgentFolder(join(this.#options.dir, id))
          // The agent was removed during the write, and the folder may now belong to another agent.
          if (this.#logs.get(id) !== log) return false
          await log?.commit()
          if (log === undefined || this.#logs.get(id) !== log) return false
          this.#failing.delete(id)
          return true
        } catch (error) {
          // The agent was removed during the write, so the failure does not matter.
          if (this.#logs.get(id) !== log) return false
          this.#dirty.set(id, machineId)
          // Insert the agent at the end, because the first entry is retried next.
          this.#failing.delete(id)
          this.#failing.set(id, this.#options.clock.monotonic() + RETRY_MS)
          failures.push(error)
          return false
        }
      }),
    )
    this.#report(failures[0])
    for (const [n, [agent, machine_id]] of dirty.entries())
      if (done[n])
        logger.debug({ machine_id, agent, offset: this.#logs.get(agent)?.ackOffset }, 'activity written')
    this.#waiting = 0
    this.#waitingOf.clear()
    for (const [id, machineId] of this.#dirty) {
      const waiting = this.#logs.get(id)?.waiting ?? 0
      this.#waiting += waiting
      this.#waitingOf.set(machineId, this.waitingOf(machineId) + waiting)
    }
    const durable = dirty.flatMap(([id], n) => (done[n] ? [id] : []))
    this.events.emit('committed', durable, clock.monotonic() - begun)
  }

  #report(error: unknown) {
    const { logger, dir } = this.#options
    if (error === undefined) {
      if (this.#failing.size > 0) return
      if (this.#problem) logger.info('activity can be written to the disk again')
      this.#problem = undefined
      return
    }
    if (!this.#problem)
      logger.error({ err: error }, 'activity cannot be written to the disk and is not acknowledged')
    this.#problem = problemOf(error, dir)
  }
}
