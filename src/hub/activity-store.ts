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
  committed(agentIds: string[]): void
}

/** The activity of all agents, put on the disk in groups. */
export class ActivityStore {
  readonly #options: ActivityStoreOptions
  readonly #logs = new Map<string, ActivityLog>()
  readonly #dirty = new Set<string>()
  /** Characters that are not on the disk yet, over all logs. */
  #waiting = 0
  #timer: Timer | undefined
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

  folder(agentId: string) {
    return join(this.#options.dir, agentId)
  }

  log(agentId: string): ActivityLog {
    let log = this.#logs.get(agentId)
    if (!log) {
      log = new ActivityLog(join(this.folder(agentId), 'activity.jsonl'), (aside) =>
        this.#options.logger.error({ agent_id: agentId, aside }, 'damaged activity set aside'),
      )
      this.#logs.set(agentId, log)
    }
    return log
  }

  get #full() {
    return this.#waiting > WAITING_CHARS
  }

  /** Whether more of an agent's activity can wait for the disk. */
  hasRoom(agentId: string) {
    return !this.#full && !this.log(agentId).full
  }

  take(activity: Activity, begin: number): Verdict {
    if (this.#full) return 'full'
    const log = this.log(activity.agent_id)
    const before = log.waiting
    const verdict = log.take(activity, begin)
    if (verdict === 'taken') {
      this.#waiting += log.waiting - before
      this.#dirty.add(activity.agent_id)
      this.#schedule(GATHER_MS)
    }
    return verdict
  }

  /** Deletes what is known of an agent. */
  forget(agentId: string) {
    this.#logs.delete(agentId)
    this.#dirty.delete(agentId)
    const { dir, logger } = this.#options
    const failed = (error: unknown) => {
      if (systemCode(error) !== 'ENOENT')
        logger.warn({ err: error, agent_id: agentId }, 'activity not deleted')
    }
    // Out of the way before anything else is done: the id may be used again at once.
    const doomed = join(dir, `.removed-${agentId}-${process.hrtime.bigint()}`)
    try {
      renameSync(this.folder(agentId), doomed)
    } catch (error) {
      return failed(error)
    }
    rm(doomed, { recursive: true, force: true }).catch(failed)
  }

  /** Puts on the disk what waits for it. */
  async close(): Promise<void> {
    this.#closed = true
    if (this.#timer) this.#options.clock.clearTimeout(this.#timer)
    await this.#committing
    if (this.#dirty.size > 0) await this.#commit()
  }

  #schedule(ms: number) {
    if (this.#timer || this.#committing || this.#closed) return
    this.#timer = this.#options.clock.setTimeout(() => {
      this.#timer = undefined
      this.#committing = this.#commit().finally(() => {
        this.#committing = undefined
        if (this.#dirty.size > 0) this.#schedule(this.#problem ? RETRY_MS : GATHER_MS)
      })
    }, ms)
  }

  async #commit(): Promise<void> {
    const ids = [...this.#dirty]
    this.#dirty.clear()
    const failures: unknown[] = []
    const done = await Promise.all(
      ids.map(async (id) => {
        const log = this.#logs.get(id)
        try {
          if (log?.have === 0) makeAgentFolder(this.folder(id))
          // Removed meanwhile, its folder is another agent's.
          if (this.#logs.get(id) !== log) return false
          await log?.commit()
          return log !== undefined && this.#logs.get(id) === log
        } catch (error) {
          // Removed meanwhile: nobody waits for it.
          if (this.#logs.get(id) !== log) return false
          this.#dirty.add(id)
          failures.push(error)
          return false
        }
      }),
    )
    this.#report(failures[0])
    this.#waiting = 0
    for (const id of this.#dirty) this.#waiting += this.#logs.get(id)?.waiting ?? 0
    this.#options.committed(ids.filter((_, n) => done[n]))
  }

  #report(error: unknown) {
    const { logger, dir } = this.#options
    if (error === undefined) {
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
