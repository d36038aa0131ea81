import type * as z from 'zod/mini'
import { type DatabaseAddress, placeOf } from '../../../config/hub-store.ts'
import { parseJsonLine } from '../../../platform/files.ts'
import {
  type AuditLine,
  type Contents,
  type Damaged,
  type Finding,
  LISTS,
  type ListName,
  type ListOf,
  type StoredAgent,
  type StoredLine,
} from '../contents.ts'
import { wholeLine } from '../journal-line.ts'
import { MigrationRecord } from '../migration-record.ts'
import { AgentRecord } from '../records.ts'
import type { Database } from './database.ts'
import { headOf } from './database-journals.ts'
import { SILENCE_S } from './lease.ts'
import { REMOVED } from './removals.ts'
import { readList } from './stored-list.ts'

/** Number of agents, of lines of a history, and of other lines per batch. */
const AGENTS = 500
const HISTORY_LINES = 4096
const LINES = 500
/** Size of the lines of a history at which a batch ends, in bytes. */
const BATCH_BYTES = 2 * 1024 * 1024

/** Name of the list with the record of a migration. */
export const MIGRATION = 'migration'

/** Reads the tables of a store, also while a hub uses them. Changes nothing. */
export class DatabaseContents implements Contents {
  readonly place: string
  protected readonly database: Database

  constructor(database: Database, address: DatabaseAddress) {
    this.database = database
    this.place = placeOf(address)
  }

  async size() {
    const [row] = await this.database.run(
      (sql) => sql<{ agents: string; bytes: string }[]>`
        select count(*) as agents, coalesce(sum(bytes), 0) as bytes from agent`,
    )
    return { agents: Number(row!.agents), bytes: Number(row!.bytes) }
  }

  async *agents(damaged: Damaged): AsyncGenerator<StoredAgent[]> {
    for (let after = '', full = true; full; ) {
      const rows = await this.database.run(
        (sql) => sql<
          { key: string; record: string | null; head: string | null; have: string; bytes: string }[]
        >`
          select key, record, head, have, bytes from agent where key > ${after} order by key limit ${AGENTS}`,
      )
      yield rows.flatMap(({ key, record, head, have, bytes }) => {
        if (record === REMOVED) return []
        const read = record === null ? undefined : parseJsonLine(`agent ${key}`, record, AgentRecord)
        if (record !== null && !read) damaged(`the record of agent ${key} cannot be read`, 'record')
        return [{ key, record: read, end: { head: headOf(head), have: Number(have), bytes: Number(bytes) } }]
      })
      after = rows.at(-1)?.key ?? after
      full = rows.length === AGENTS
    }
  }

  async hasAgent(key: string) {
    const rows = await this.database.run(
      (sql) => sql`select from agent where key = ${key} and record is distinct from ${REMOVED}`,
    )
    return rows.length > 0
  }

  async *lines(key: string, after: number, damaged: Damaged): AsyncGenerator<StoredLine[]> {
    for (let last = after, full = true; full; ) {
      const rows = await this.database.run(
        (sql) => sql<{ from: string; line: Buffer }[]>`
          select "from", line from (
            select "from", line, sum(length(line)) over (order by "from") - length(line) as before
            from (
              select "from", line from activity where agent = ${key} and "from" > ${last}
              order by "from" limit ${HISTORY_LINES}
            ) as lines
          ) as sized where before < ${BATCH_BYTES} order by "from"`,
      )
      full = rows.length > 0
      if (!full) return
      last = Number(rows.at(-1)!.from)
      yield rows.flatMap(({ from, line }) => {
        const head = wholeLine(line)
        if (head && head.from === Number(from)) return [{ head, bytes: line }]
        damaged(`the line at offset ${from} cannot be read`, 'record')
        return []
      })
    }
  }

  async list<N extends ListName>(name: N, damaged: Damaged): Promise<ListOf<N>[]> {
    if (name === 'commands') return (await this.#commands(damaged)) as ListOf<N>[]
    if (name === 'machines') return (await this.#machines(damaged)) as ListOf<N>[]
    try {
      return await readList(this.database, name, LISTS[name] as unknown as z.ZodMiniType<ListOf<N>>)
    } catch (error) {
      damaged((error as Error).message.replace(/\.$/, ''), 'list')
      return []
    }
  }

  async *audit(): AsyncGenerator<AuditLine[]> {
    for (let last = 0, full = true; full; ) {
      const rows = await this.database.run(
        (sql) => sql<{ n: string; line: string }[]>`
          select n, line from audit where n > ${last} order by n limit ${LINES}`,
      )
      if (rows.length > 0) yield rows.map(({ n, line }) => ({ n: Number(n), line }))
      last = Number(rows.at(-1)?.n ?? last)
      full = rows.length === LINES
    }
  }

  async migration(): Promise<MigrationRecord | undefined> {
    return migrationIn(this.database)
  }

  async findings(): Promise<Finding[]> {
    const [lease] = await this.database.run(
      (sql) => sql<{ description: string }[]>`
        select description from lease where seen_at > now() - make_interval(secs => ${SILENCE_S})`,
    )
    const found: Finding[] = lease
      ? [{ level: 'note', kind: 'running', message: `A hub uses this database: ${lease.description}.` }]
      : []
    for (const key of await this.#withoutAgent())
      found.push({
        level: 'problem',
        kind: 'orphan',
        message: `There are lines of an unknown agent: ${key}.`,
      })
    return found
  }

  async close() {
    this.database.close()
  }

  /** Returns the keys of histories without an agent. Finds each key by the index, because there may be many lines. */
  async #withoutAgent(): Promise<string[]> {
    const rows = await this.database.run(
      (sql) => sql<{ key: string }[]>`
        with recursive keys as (
          select min(agent) as key from activity
          union all
          select (select min(agent) from activity where agent > keys.key) from keys where keys.key is not null)
        select key from keys where key is not null and not exists (select from agent where agent.key = keys.key)`,
    )
    return rows.map(({ key }) => key)
  }

  async #machines(damaged: Damaged): Promise<ListOf<'machines'>[]> {
    const rows = await this.database.run(
      (sql) => sql<{ id: string; record: string }[]>`select id, record from machine order by id`,
    )
    return rows.flatMap(({ id, record }) => {
      const read = parseJsonLine(`machine ${id}`, record, LISTS.machines)
      if (!read) damaged(`the record of machine ${id} cannot be read`, 'record')
      return read ? [read] : []
    })
  }

  async #commands(damaged: Damaged): Promise<ListOf<'commands'>[]> {
    const all: ListOf<'commands'>[] = []
    for (let last = '-1', full = true; full; ) {
      const rows = await this.database.run(
        (sql) => sql<{ n: string; line: string }[]>`
          select n, line from command where n > ${last} order by n limit ${LINES}`,
      )
      for (const { n, line } of rows) {
        const read = parseJsonLine('the commands', line, LISTS.commands)
        if (read) all.push(read)
        else damaged(`command ${n} cannot be read`, 'record')
      }
      last = rows.at(-1)?.n ?? last
      full = rows.length === LINES
    }
    return all
  }
}

/** Returns what the store in a database knows about its copy. */
export async function migrationIn(database: Database): Promise<MigrationRecord | undefined> {
  return (await readList(database, MIGRATION, MigrationRecord))[0]
}
