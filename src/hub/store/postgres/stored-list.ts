import * as z from 'zod/mini'
import { parseJsonLine } from '../../../platform/files.ts'
import type { RecordList } from '../store.ts'
import type { Query } from './connections.ts'
import type { Database } from './database.ts'

/** Reads a list in the table `list`. @throws UserError if a newer version wrote the list */
export async function readList<R>(database: Database, name: string, record: z.ZodMiniType<R>): Promise<R[]> {
  const [row] = await database.run(
    (sql) => sql<{ content: string }[]>`select content from list where name = ${name}`,
  )
  if (!row) return []
  const schema = z.object({ version: z.literal(1), records: z.array(record) })
  const read = parseJsonLine(`the list of ${name} in the database`, row.content, schema)
  // Only a person can have changed the list, so the hub does not replace it.
  if (!read) throw new Error(`The list of ${name} in the database is invalid.`)
  return read.records
}

/** Replaces a list in the table `list`. */
export async function writeList(sql: Query, name: string, records: readonly unknown[]): Promise<void> {
  const content = JSON.stringify({ version: 1, records })
  await sql`
    insert into list (name, content) values (${name}, ${content})
    on conflict (name) do update set content = excluded.content`
}

/** A short list of records, in a row of the table `list`. */
export class StoredList<R> implements RecordList<R> {
  readonly #database: Database
  readonly #name: string
  #all: readonly R[]
  #turn: Promise<unknown> = Promise.resolve()

  constructor(database: Database, name: string, all: readonly R[]) {
    this.#database = database
    this.#name = name
    this.#all = all
  }

  async all(): Promise<readonly R[]> {
    return this.#all
  }

  change(edit: (all: readonly R[]) => readonly R[]): Promise<void> {
    const turn = this.#turn.then(async () => {
      const all = edit(this.#all)
      await this.#database.write((sql) => writeList(sql, this.#name, all))
      this.#all = all
    })
    this.#turn = turn.catch(() => {})
    return turn
  }
}
