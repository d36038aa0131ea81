import type { AuditLimits } from '../../../config/hub-limits.ts'
import type { AuditLog, LineRange } from '../audit-log.ts'
import type { Database } from './database.ts'

/** Number of lines per batch. */
const LINES = 500

/** The table `audit`. */
export class AuditTable implements AuditLog {
  readonly #database: Database
  readonly #limits: AuditLimits
  #first: number
  #newest: number
  #bytes: number
  #waiting: { n: number; line: string }[] = []
  #chars = 0
  #turn: Promise<unknown> = Promise.resolve()

  private constructor(
    database: Database,
    limits: AuditLimits,
    state: { first: number; newest: number; bytes: number },
  ) {
    this.#database = database
    this.#limits = limits
    this.#first = state.first
    this.#newest = state.newest
    this.#bytes = state.bytes
  }

  static async open(database: Database, limits: AuditLimits): Promise<AuditTable> {
    const [row] = await database.run(
      (sql) => sql<{ first: string | null; newest: string | null; bytes: string | null }[]>`
        select min(n) as first, max(n) as newest, sum(length(line)) as bytes from audit`,
    )
    const state = {
      first: Number(row?.first ?? 1),
      newest: Number(row?.newest ?? 0),
      bytes: Number(row?.bytes ?? 0),
    }
    return new AuditTable(database, limits, state)
  }

  get first() {
    return this.#first
  }

  get newest() {
    return this.#newest
  }

  get waiting() {
    return this.#chars
  }

  add(make: (n: number) => string) {
    const n = ++this.#newest
    const line = make(n)
    this.#waiting.push({ n, line })
    this.#chars += line.length
  }

  flush(): Promise<LineRange | undefined> {
    const turn = this.#turn.then(async () => {
      await this.#write()
      return this.#rotate()
    })
    this.#turn = turn.catch(() => {})
    return turn
  }

  async *read(from: number): AsyncGenerator<string[]> {
    for (let next = from; ; ) {
      const rows = await this.#database.run(
        (sql) => sql<{ n: string; line: string }[]>`
          select n, line from audit where n >= ${next} order by n limit ${LINES}`,
      )
      if (rows.length === 0) return
      yield rows.map(({ line }) => line)
      next = Number(rows.at(-1)!.n) + 1
    }
  }

  async *readBack(): AsyncGenerator<string[]> {
    for (let end = this.#newest; ; ) {
      const rows = await this.#database.run(
        (sql) => sql<{ n: string; line: string }[]>`
          select n, line from audit where n <= ${end} order by n desc limit ${LINES}`,
      )
      if (rows.length === 0) return
      end = Number(rows.at(-1)!.n) - 1
      yield rows.map(({ line }) => line).reverse()
    }
  }

  async #write(): Promise<void> {
    const lines = [...this.#waiting]
    if (lines.length === 0) return
    await this.#database.write(
      (sql) => sql`
        insert into audit (n, line)
        select * from unnest(${lines.map(({ n }) => n)}::bigint[], ${lines.map(({ line }) => line)}::text[])
        on conflict (n) do nothing`,
    )
    this.#waiting.splice(0, lines.length)
    const chars = lines.reduce((sum, { line }) => sum + line.length, 0)
    this.#chars -= chars
    this.#bytes += chars
  }

  /** Deletes the oldest lines if the log is too long. */
  async #rotate(): Promise<LineRange | undefined> {
    const { bytes, files } = this.#limits
    if (this.#bytes < bytes * (files + 1)) return undefined
    const from = this.#first
    const [row] = await this.#database.write(
      (sql) => sql<{ first: string; bytes: string }[]>`
        with sized as (select n, sum(length(line)) over (order by n desc) as newer from audit),
        gone as (delete from audit where n in (select n from sized where newer > ${bytes * files}))
        select min(n) as first, max(newer) as bytes from sized where newer <= ${bytes * files}`,
    )
    if (!row?.first) return undefined
    this.#first = Number(row.first)
    this.#bytes = Number(row.bytes)
    return { from, to: this.#first - 1 }
  }
}
