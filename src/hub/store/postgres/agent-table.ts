import { randomBytes } from 'node:crypto'
import { parseJsonLine } from '../../../platform/files.ts'
import type { Logger } from '../../../platform/log.ts'
import { AgentRecord, type AgentRef } from '../records.ts'
import type { AgentStore } from '../store.ts'
import type { Query } from './connections.ts'
import type { Database } from './database.ts'
import { type DatabaseJournals, headOf } from './database-journals.ts'
import type { LateWrites } from './late-writes.ts'
import { REMOVED, type Removals } from './removals.ts'

/** Number of agents that one statement reads. */
const AGENTS = 500
/** Number of random bytes that distinguish an agent from earlier agents with its id. */
const GENERATION_BYTES = 9

interface Row {
  key: string
  record: string | null
  head: string | null
  bytes: string
}

export interface AgentTableOptions {
  database: Database
  journals: DatabaseJournals
  writes: LateWrites
  removals: Removals
  logger: Logger
}

/** The table `agent`. No key is used twice, so that the lines of a removed agent can be deleted later. */
export class AgentTable implements AgentStore {
  readonly #options: AgentTableOptions

  constructor(options: AgentTableOptions) {
    this.#options = options
  }

  async load(): Promise<AgentRecord[]> {
    const { database, journals, logger } = this.#options
    const records: AgentRecord[] = []
    for (let after = '', full = true; full; ) {
      const rows = await database.run(
        (sql) => sql<Row[]>`
          select key, record, head, bytes from agent where key > ${after} order by key limit ${AGENTS}`,
      )
      for (const { key, record, head, bytes } of rows) {
        journals.begin(key, { head: headOf(head), bytes: Number(bytes) })
        if (record === null) continue
        if (record === REMOVED) this.#options.removals.resume(key)
        else {
          const read = parseJsonLine(`agent ${key} in the database`, record, AgentRecord)
          if (read) records.push({ ...read, key })
          else logger.error({ agent: key }, 'a damaged record of an agent was skipped')
        }
      }
      after = rows.at(-1)?.key ?? after
      full = rows.length === AGENTS
    }
    return records
  }

  newKey({ agent_id }: AgentRef): string {
    const key = `${agent_id}@${randomBytes(GENERATION_BYTES).toString('base64url')}`
    this.#options.journals.begin(key)
    return key
  }

  saveSoon(record: AgentRecord) {
    this.#options.writes.later(nameOf(record.key), (sql) => save(sql, record))
  }

  async save(record: AgentRecord): Promise<void> {
    await this.#options.writes.now(nameOf(record.key), (sql) => save(sql, record))
  }

  async remove(key: string): Promise<void> {
    const { journals, writes, removals } = this.#options
    await journals.forget(key)
    await writes.drop(nameOf(key))
    await removals.remove(key)
  }
}

/** Name of the late write of an agent's record. */
export const nameOf = (key: string) => `agent ${key}`

const save = (sql: Query, { key, ...record }: AgentRecord) => sql`
  insert into agent (key, machine_id, record)
  values (${key}, ${JSON.stringify(record.machine_id)}, ${JSON.stringify(record)})
  on conflict (key) do update set machine_id = excluded.machine_id, record = excluded.record`
