import { parseJsonLine } from '../../../platform/files.ts'
import type { Logger } from '../../../platform/log.ts'
import { MachineRecord } from '../records.ts'
import type { MachineStore } from '../store.ts'
import type { Query } from './connections.ts'
import type { Database } from './database.ts'
import type { LateWrites } from './late-writes.ts'

export interface MachineTableOptions {
  database: Database
  writes: LateWrites
  logger: Logger
}

/** The table `machine`, whose id is JSON. */
export class MachineTable implements MachineStore {
  readonly #options: MachineTableOptions

  constructor(options: MachineTableOptions) {
    this.#options = options
  }

  async load(): Promise<MachineRecord[]> {
    const { database, logger } = this.#options
    const rows = await database.run(
      (sql) => sql<{ id: string; record: string }[]>`select id, record from machine order by id`,
    )
    return rows.flatMap(({ id, record }) => {
      const read = parseJsonLine(`machine ${id} in the database`, record, MachineRecord)
      if (!read) logger.error({ machine_id: id }, 'a damaged record of a machine was skipped')
      return read ? [read] : []
    })
  }

  saveSoon(record: MachineRecord) {
    this.#options.writes.later(nameOf(record.machine_id), (sql) => save(sql, record))
  }

  async save(record: MachineRecord): Promise<void> {
    const { database, writes } = this.#options
    await writes.drop(nameOf(record.machine_id))
    await database.write((sql) => save(sql, record))
  }

  async remove(machineId: string): Promise<void> {
    const id = JSON.stringify(machineId)
    await this.#options.writes.now(nameOf(machineId), (sql) => sql`delete from machine where id = ${id}`)
  }
}

const nameOf = (machineId: string) => `machine ${machineId}`

const save = async (sql: Query, record: MachineRecord) => {
  await sql`
    insert into machine (id, record) values (${JSON.stringify(record.machine_id)}, ${JSON.stringify(record)})
    on conflict (id) do update set record = excluded.record`
}
