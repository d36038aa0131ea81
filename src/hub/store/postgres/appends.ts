import type { Clock } from '../../../platform/clock.ts'
import { UserError } from '../../../platform/errors.ts'
import type { Database } from './database.ts'
import type { Append } from './database-lines.ts'
import { LostLeaseError } from './lost-lease-error.ts'

/** Interval between attempts while the database is away, in milliseconds. */
const RETRY_MS = 1000
/** Maximum size of the lines in a statement, in bytes. At least one append is sent. */
const STATEMENT_BYTES = 16 * 1024 * 1024

interface Waiting extends Append {
  /** True if the agent was removed. */
  forgotten: boolean
  stored(): void
  failed(error: unknown): void
}

export interface AppendsOptions {
  database: Database
  clock: Clock
  /** Stores the records of new agents. Without them, their lines would belong to nobody after a restart. */
  saveRecords(keys: string[]): Promise<void>
  /** Called with the reason after a failed attempt, and with undefined after a successful one. */
  report(error: unknown): void
  /** Called when another hub has taken over, or the database has other data than this hub has stored. */
  lost(error: LostLeaseError): void
}

/**
 * Stores the lines of many agents with one statement at a time. An append is stored only if the journal ends where
 * the append begins, so it is stored once, even if the answer to the first attempt was lost.
 */
export class Appends {
  readonly #options: AppendsOptions
  #waiting: Waiting[] = []
  #running: Promise<void> | undefined
  #closed = false
  /** Appends of the statement that is running, or is tried again. */
  #batch: Waiting[] = []
  #attempt: Promise<void> = Promise.resolve()

  constructor(options: AppendsOptions) {
    this.#options = options
  }

  /** Resolves when the lines are durable. Retries until then, or until the store is closed. */
  append(append: Append): Promise<void> {
    return new Promise((stored, failed) => {
      this.#waiting.push({ ...append, forgotten: false, stored, failed })
      this.#running ??= Promise.resolve().then(() => this.#run())
    })
  }

  /** Drops the lines of a removed agent. Resolves when no statement is running that may store them. */
  async forget(key: string): Promise<void> {
    for (const each of [...this.#batch, ...this.#waiting]) if (each.key === key) each.forgotten = true
    await this.#attempt
  }

  /** Makes each remaining append fail if its next attempt fails. */
  close() {
    this.#closed = true
  }

  async #run(): Promise<void> {
    while (this.#waiting.length > 0) await this.#store(this.#next())
    this.#running = undefined
  }

  #next(): Waiting[] {
    let size = 0
    const end = this.#waiting.findIndex(({ lines }, n) => {
      for (const { bytes } of lines) size += bytes.length
      return n > 0 && size > STATEMENT_BYTES
    })
    return this.#waiting.splice(0, end === -1 ? this.#waiting.length : end)
  }

  async #store(batch: Waiting[]): Promise<void> {
    const { clock, report, lost } = this.#options
    this.#batch = batch
    for (;;)
      try {
        const attempt = this.#try(batch.filter(({ forgotten }) => !forgotten))
        this.#attempt = attempt.catch(() => {})
        await attempt
        report(undefined)
        for (const each of batch) each.stored()
        return
      } catch (error) {
        report(error)
        if (error instanceof LostLeaseError) lost(error)
        if (this.#closed || error instanceof LostLeaseError) {
          for (const each of batch) each.failed(error)
          return
        }
        await new Promise<void>((resolve) => void clock.setTimeout(resolve, RETRY_MS))
      }
  }

  async #try(batch: Waiting[]): Promise<void> {
    if (batch.length === 0) return
    const { database, saveRecords } = this.#options
    const begun = batch.flatMap(({ key, have }) => (have === 0 ? [key] : [])).sort()
    if (begun.length > 0) {
      await saveRecords(begun)
      await makeAgents(database, begun)
    }
    const stored = await insert(database, batch)
    const missing = batch.filter(({ key, forgotten }) => !stored.has(key) && !forgotten)
    if (missing.length > 0) await checkStored(database, missing)
  }
}

/** Adds rows for agents that have no lines yet. */
const makeAgents = (database: Database, keys: string[]) =>
  database.write((sql) => sql`insert into agent (key) select unnest(${keys}::text[]) on conflict do nothing`)

/** @returns the agents whose lines were stored */
async function insert(database: Database, batch: Append[]): Promise<Set<string>> {
  const lines = batch.flatMap(({ key, lines }) => lines.map((line) => ({ key, ...line })))
  let at = 1
  const starts = lines.map(({ bytes }) => {
    at += bytes.length
    return at - bytes.length
  })
  const [row] = await database.run(
    (sql) => sql<{ held: boolean; stored: string[] | null }[]>`
      with held as (select from lease where epoch = ${String(database.epoch)} for key share),
      ends as (
        select * from unnest(
          ${batch.map(({ key }) => key)}::text[], ${batch.map(({ have }) => have)}::bigint[],
          ${batch.map(({ head }) => head.to)}::bigint[], ${batch.map(({ head }) => JSON.stringify(head))}::text[],
          ${batch.map(({ lines }) => lines.reduce((sum, { bytes }) => sum + bytes.length, 0))}::bigint[]
        ) as ends (key, have, "to", head, bytes)),
      -- In the order in which other writes lock agents: otherwise, each could wait for the other.
      locked as (
        select agent.key from agent, held where agent.key in (select key from ends)
        order by agent.key collate "C" for update of agent),
      moved as (
        update agent set have = ends."to", head = ends.head, bytes = agent.bytes + ends.bytes
        from ends, locked where agent.key = ends.key and locked.key = ends.key and agent.have = ends.have
        returning agent.key),
      stored as (
        insert into activity (agent, "from", line)
        select line.key, line."from", substring(${Buffer.concat(lines.map(({ bytes }) => bytes))}::bytea from line.start for line.size)
        from unnest(
          ${lines.map(({ key }) => key)}::text[], ${lines.map(({ from }) => from)}::bigint[],
          ${starts}::integer[], ${lines.map(({ bytes }) => bytes.length)}::integer[]
        ) as line (key, "from", start, size)
        join moved on moved.key = line.key)
      select exists (select from held) as held, (select array_agg(key) from moved) as stored`,
  )
  if (!row?.held) throw new LostLeaseError()
  return new Set(row.stored ?? [])
}

/** Checks that an earlier attempt, whose answer was lost, has stored the lines. @throws LostLeaseError if not */
async function checkStored(database: Database, batch: Append[]): Promise<void> {
  const rows = await database.run(
    (sql) => sql<{ key: string; have: string }[]>`
      select key, have from agent where key = any(${batch.map(({ key }) => key)}::text[])`,
  )
  const have = new Map(rows.map((row) => [row.key, Number(row.have)]))
  // Without this check, a database that was restored from a backup would get a gap.
  if (!batch.every(({ key, head }) => have.get(key) === head.to)) throw new LostLeaseError(setBack())
}

const setBack = () =>
  new UserError('store_changed', 'The database does not contain what this hub has stored in it.', {
    remedy: 'If it was restored from a backup, start the hub again: machines then send all missing activity.',
  })
