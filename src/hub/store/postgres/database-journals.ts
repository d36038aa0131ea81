import type { Clock, Timer } from '../../../platform/clock.ts'
import { Emitter } from '../../../platform/emitter.ts'
import { isDiskFull } from '../../../platform/errors.ts'
import type { Logger } from '../../../platform/log.ts'
import type { Activity } from '../../../protocol/index.ts'
import type { EventId } from '../event-id.ts'
import { inTurns } from '../in-turns.ts'
import { Journal } from '../journal.ts'
import type { LineHead } from '../journal-line.ts'
import type { JournalEvents, JournalState, Journals, StoreProblem, Verdict } from '../journals.ts'
import { Appends } from './appends.ts'
import type { Database } from './database.ts'
import { DatabaseLines } from './database-lines.ts'
import type { LostLeaseError } from './lost-lease-error.ts'
import { databaseReader, databaseReaderBackward } from './read-lines.ts'

/** Time for which frames are collected before they are sent together, in milliseconds. */
const GATHER_MS = 3
/** Maximum number of characters waiting for the database, over all agents. */
const WAITING_CHARS = 128 * 1024 * 1024
/** Maximum number of agents and of characters that are sent at once. */
const COMMIT_AGENTS = 1024
const COMMIT_CHARS = 16 * 1024 * 1024

const EMPTY: JournalState = {
  have: 0,
  ackOffset: 0,
  wantedOffset: 0,
  shift: 0,
  journal: undefined,
  bytes: 0,
}

/** The end of a journal, as in the table `agent`. */
export interface StoredEnd {
  head: LineHead | undefined
  bytes: number
}

export interface DatabaseJournalsOptions {
  database: Database
  clock: Clock
  logger: Logger
  /** Stores the records of these agents. */
  saveRecords(keys: string[]): Promise<void>
  /** Called when this hub may not write any more. */
  lost(error: LostLeaseError): void
}

/** The activity of all agents in the database. */
export class DatabaseJournals implements Journals {
  readonly events = new Emitter<JournalEvents>()
  readonly #options: DatabaseJournalsOptions
  readonly #appends: Appends
  readonly #journals = new Map<string, Journal>()
  readonly #opening = new Map<string, Promise<void>>()
  /** Agents with waiting activity, and their machines. */
  readonly #dirty = new Map<string, string>()
  #waiting = 0
  readonly #waitingOf = new Map<string, number>()
  #timer: Timer | undefined
  #committing: Promise<void> | undefined
  #problem: StoreProblem | undefined
  #closed = false

  constructor(options: DatabaseJournalsOptions) {
    this.#options = options
    this.#appends = new Appends({ ...options, report: (error) => this.#report(error) })
  }

  get problem() {
    return this.#problem
  }

  async open(key: string): Promise<void> {
    if (this.#journals.has(key)) return
    const opening = this.#opening.get(key) ?? this.#open(key).finally(() => this.#opening.delete(key))
    this.#opening.set(key, opening)
    await opening
  }

  /** Opens a journal whose end is known. */
  begin(key: string, { head, bytes }: StoredEnd = { head: undefined, bytes: 0 }) {
    const last = head ?? { from: 0, to: 0, shift: 0 }
    const lines = new DatabaseLines(key, { size: bytes, have: last.to }, (append) =>
      this.#appends.append(append),
    )
    this.#journals.set(key, new Journal(lines, last))
  }

  stateOf(key: string): JournalState {
    return this.#journals.get(key) ?? EMPTY
  }

  waitingOf(machineId: string): number {
    return this.#waitingOf.get(machineId) ?? 0
  }

  hasRoom(key: string) {
    return this.#waiting <= WAITING_CHARS && !this.#journals.get(key)?.full
  }

  async take(key: string, machineId: string, activity: Activity, begin: number): Promise<Verdict> {
    if (this.#waiting > WAITING_CHARS) return 'full'
    const journal = this.#journals.get(key) ?? (await this.#opened(key))
    const before = journal.waiting
    const verdict = journal.take(activity, begin)
    if (verdict === 'taken') {
      const added = journal.waiting - before
      this.#waiting += added
      this.#waitingOf.set(machineId, this.waitingOf(machineId) + added)
      this.#dirty.set(key, machineId)
      this.#schedule()
    }
    return verdict
  }

  async turn(key: string, from: number): Promise<void> {
    await (await this.#opened(key)).turn(from)
    this.events.emit('turned', key)
  }

  read(key: string, after: EventId) {
    return databaseReader({ database: this.#options.database, key, journal: () => this.#opened(key) }, after)
  }

  readBackward(key: string, before: EventId) {
    return databaseReaderBackward(
      { database: this.#options.database, key, journal: () => this.#opened(key) },
      before,
    )
  }

  /** Forgets a journal. Resolves when no statement is running that stores its lines. */
  async forget(key: string): Promise<void> {
    this.#journals.get(key)?.discard()
    this.#journals.delete(key)
    this.#dirty.delete(key)
    await this.#appends.forget(key)
  }

  /** Stores the waiting activity, or gives up if the database is away. */
  async close(): Promise<void> {
    this.#closed = true
    this.#appends.close()
    if (this.#timer) this.#options.clock.clearTimeout(this.#timer)
    await this.#committing
    while (this.#dirty.size > 0) await this.#commit()
  }

  async #open(key: string): Promise<void> {
    const [row] = await this.#options.database.run(
      (sql) =>
        sql<{ head: string | null; bytes: string }[]>`select head, bytes from agent where key = ${key}`,
    )
    this.begin(key, { head: headOf(row?.head), bytes: Number(row?.bytes ?? 0) })
  }

  async #opened(key: string): Promise<Journal> {
    await this.open(key)
    return this.#journals.get(key)!
  }

  #schedule() {
    if (this.#committing || this.#closed) return
    this.#timer ??= this.#options.clock.setTimeout(() => {
      this.#timer = undefined
      this.#committing = this.#commit().finally(() => {
        this.#committing = undefined
        if (this.#dirty.size > 0) this.#schedule()
      })
    }, GATHER_MS)
  }

  /** Stores the activity of the next agents. */
  async #commit(): Promise<void> {
    const next: string[] = []
    let chars = 0
    for (const [key] of inTurns(this.#dirty)) {
      next.push(key)
      chars += this.#journals.get(key)?.waiting ?? 0
      if (next.length === COMMIT_AGENTS || chars >= COMMIT_CHARS) break
    }
    const machines = new Map(next.map((key) => [key, this.#dirty.get(key)!]))
    for (const key of next) this.#dirty.delete(key)
    const stored = await Promise.all(
      next.map(async (key) => {
        const journal = this.#journals.get(key)
        return (
          (await journal?.commit().then(
            () => true,
            () => false,
          )) ?? false
        )
      }),
    )
    this.#count(machines)
    const keys = next.filter((key, n) => stored[n] && this.#journals.has(key))
    for (const agent of keys)
      this.#options.logger.debug(
        { machine_id: machines.get(agent), agent, offset: this.stateOf(agent).ackOffset },
        'activity written',
      )
    this.events.emit('committed', keys)
  }

  #count(others: Map<string, string>) {
    this.#waiting = 0
    this.#waitingOf.clear()
    for (const [key, machineId] of new Map([...others, ...this.#dirty])) {
      const waiting = this.#journals.get(key)?.waiting ?? 0
      this.#waiting += waiting
      this.#waitingOf.set(machineId, this.waitingOf(machineId) + waiting)
    }
  }

  #report(error: unknown) {
    const { logger } = this.#options
    if (error === undefined) {
      if (this.#problem) logger.info('activity can be written to the database again')
      this.#problem = undefined
      return
    }
    if (!this.#problem)
      logger.error({ err: error }, 'activity cannot be written to the database and is not acknowledged')
    this.#problem = isDiskFull(error)
      ? {
          code: 'disk_full',
          message: 'The disk of the database is full: activity is not acknowledged.',
          remedy: 'Free some space on this disk.',
        }
      : {
          code: 'disk_error',
          message: `Activity is not acknowledged: ${(error as Error).message}`,
          remedy: 'Check that PostgreSQL is running, and that this machine can reach it.',
        }
  }
}

/** Parses the range of an agent's last line. */
export const headOf = (head: string | null | undefined): LineHead | undefined =>
  head ? (JSON.parse(head) as LineHead) : undefined
