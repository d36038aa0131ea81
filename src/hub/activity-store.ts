import { renameSync, rmSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { Clock, Timer } from '../platform/clock.ts'
import { isDiskFull, systemCode } from '../platform/errors.ts'
import type { Logger } from '../platform/log.ts'
import type { Activity } from '../protocol/index.ts'
import { ActivityLog, type Verdict } from './activity-log.ts'
import { makeAgentFolder } from './agent-folder.ts'

/** How long frames are gathered before they are put on the disk together: it costs the same for one as for a hundred. */
const GATHER_MS = 3
/** What may wait for the disk over all agents, however many there are. */
const WAITING_CHARS = 128 * 1024 * 1024
/** Between tries while the disk takes nothing. */
const RETRY_MS = 1000
/** Further tries to delete where the process may open no more files, each so much later than the one before. */
const TRIES = { maxRetries: 5, retryDelay: RETRY_MS }
/** Agents whose activity goes to the disk together: each takes a descriptor meanwhile. */
const COMMIT_AGENTS = 64

export interface StoreProblem {
  code: 'disk_full' | 'disk_error'
  message: string
  remedy: string
}

export interface ActivityStoreOptions {
  /** Holds a folder per agent. */
  dir: string
  clock: Clock
  logger: Logger
  /** These agents' logs have grown on the disk; for others, too, there may be room again. */
  committed(keys: string[]): void
}

/** The activity of all agents, put on the disk in groups. Agents go by the names of their folders. */
export class ActivityStore {
  readonly #options: ActivityStoreOptions
  readonly #logs = new Map<string, ActivityLog>()
  /** Whose activity waits for the disk, with the machine that said it. */
  readonly #dirty = new Map<string, string>()
  /** Those of them whose last try failed, with the time of the next. */
  readonly #failing = new Map<string, number>()
  /** Characters that are not on the disk yet, over all logs. */
  #waiting = 0
  /** The same for each machine. */
  readonly #waitingOf = new Map<string, number>()
  #timer: { timer: Timer; at: number } | undefined
  #committing: Promise<void> | undefined
  #problem: StoreProblem | undefined
  #closed = false

  constructor(options: ActivityStoreOptions) {
    this.#options = options
  }

  /** Why nothing can be put on the disk at present. */
  get problem() {
    return this.#problem
  }

  folder(key: string) {
    return join(this.#options.dir, key)
  }

  log(key: string): ActivityLog {
    let log = this.#logs.get(key)
    if (!log) {
      log = new ActivityLog(join(this.folder(key), 'activity.jsonl'), (aside) =>
        this.#options.logger.error({ agent: key, aside }, 'damaged activity set aside'),
      )
      this.#logs.set(key, log)
    }
    return log
  }

  get #full() {
    return this.#waiting > WAITING_CHARS
  }

  /** Characters of a machine's activity that are not on the disk yet. */
  waitingOf(machineId: string): number {
    return this.#waitingOf.get(machineId) ?? 0
  }

  /** Whether more of an agent's activity can wait for the disk. */
  hasRoom(key: string) {
    return !this.#full && !this.log(key).full
  }

  /** @param machineId the machine that said it @param begin the first byte that this machine holds */
  take(key: string, machineId: string, activity: Activity, begin: number): Verdict {
    if (this.#full) return 'full'
    const log = this.log(key)
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

  /** Deletes what is known of an agent. */
  forget(key: string) {
    this.#logs.delete(key)
    this.#dirty.delete(key)
    this.#failing.delete(key)
    const { dir, logger } = this.#options
    const failed = (error: unknown) => {
      if (systemCode(error) !== 'ENOENT') logger.warn({ err: error, agent: key }, 'activity not deleted')
    }
    // Out of the way before anything else is done: the id may be used again at once.
    const doomed = join(dir, `.removed-${key}-${process.hrtime.bigint()}`)
    try {
      renameSync(this.folder(key), doomed)
    } catch (error) {
      return failed(error)
    }
    rm(doomed, { recursive: true, force: true, ...TRIES }).catch(failed)
  }

  /** Puts on the disk what waits for it. */
  async close(): Promise<void> {
    this.#closed = true
    this.#unschedule()
    await this.#committing
    const left = [...this.#dirty]
    for (let from = 0; from < left.length; from += COMMIT_AGENTS)
      await this.#commit(left.slice(from, from + COMMIT_AGENTS))
  }

  #schedule(ms: number) {
    if (this.#committing || this.#closed) return
    const { clock } = this.#options
    const at = clock.monotonic() + ms
    // Nobody waits for the next try of those whose last one failed.
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

  /** How long until some of what waits may be tried, in ms. */
  #wait(): number {
    if (this.#dirty.size > this.#failing.size) return GATHER_MS
    const [next = 0] = this.#failing.values()
    return Math.max(GATHER_MS, next - this.#options.clock.monotonic())
  }

  /** Whose activity goes to the disk next: every machine's turn comes, however many agents another one has. */
  #next(): [key: string, machineId: string][] {
    const now = this.#options.clock.monotonic()
    const waiting = new Map<string, string[]>()
    for (const [key, machineId] of this.#dirty) {
      if ((this.#failing.get(key) ?? now) > now) continue
      const keys = waiting.get(machineId)
      if (keys) keys.push(key)
      else waiting.set(machineId, [key])
    }
    const next: [string, string][] = []
    for (let turn = 0; waiting.size > 0 && next.length < COMMIT_AGENTS; turn++)
      for (const [machineId, keys] of waiting) {
        const key = keys[turn]
        if (key === undefined) waiting.delete(machineId)
        else if (next.push([key, machineId]) === COMMIT_AGENTS) break
      }
    return next
  }

  async #commit(dirty: [key: string, machineId: string][]): Promise<void> {
    for (const [key] of dirty) this.#dirty.delete(key)
    const failures: unknown[] = []
    const done = await Promise.all(
      dirty.map(async ([id, machineId]) => {
        const log = this.#logs.get(id)
        try {
          if (log?.have === 0) makeAgentFolder(this.folder(id))
          // Removed meanwhile, its folder is another agent's.
          if (this.#logs.get(id) !== log) return false
          await log?.commit()
          if (log === undefined || this.#logs.get(id) !== log) return false
          this.#failing.delete(id)
          return true
        } catch (error) {
          // Removed meanwhile: nobody waits for it.
          if (this.#logs.get(id) !== log) return false
          this.#dirty.set(id, machineId)
          // Behind the others: the first is the next to be tried.
          this.#failing.delete(id)
          this.#failing.set(id, this.#options.clock.monotonic() + RETRY_MS)
          failures.push(error)
          return false
        }
      }),
    )
    this.#report(failures[0])
    this.#waiting = 0
    this.#waitingOf.clear()
    for (const [id, machineId] of this.#dirty) {
      const waiting = this.#logs.get(id)?.waiting ?? 0
      this.#waiting += waiting
      this.#waitingOf.set(machineId, this.waitingOf(machineId) + waiting)
    }
    this.#options.committed(dirty.flatMap(([id], n) => (done[n] ? [id] : [])))
  }

  #report(error: unknown) {
    const { logger, dir } = this.#options
    if (error === undefined) {
      if (this.#failing.size > 0) return
      if (this.#problem) logger.info('activity is on the disk again')
      this.#problem = undefined
      return
    }
    if (!this.#problem)
      logger.error({ err: error }, 'activity cannot be put on the disk; it is not acknowledged')
    const full = isDiskFull(error)
    this.#problem = full
      ? {
          code: 'disk_full',
          message: `The disk with ${dir} is full: activity is not acknowledged.`,
          remedy: 'Make room on it.',
        }
      : {
          code: 'disk_error',
          message: `Activity cannot be written to ${dir}: ${(error as Error).message}`,
          remedy: 'See what is wrong with this folder or its disk.',
        }
  }
}

/** Clears what a hub did not finish deleting. */
export function clearRemoved(dir: string, names: string[]) {
  for (const name of names)
    if (name.startsWith('.removed-')) rmSync(join(dir, name), { recursive: true, force: true })
}
