import type { DatabaseAddress } from '../../../config/hub-store.ts'
import type { Logger } from '../../../platform/log.ts'
import type { LineRange } from '../audit-log.ts'
import type { CommandLine } from '../commands.ts'
import type { Addition, AuditLine, ListName, ListOf, StoredLine, WritableContents } from '../contents.ts'
import { wholeLine } from '../journal-line.ts'
import type { MigrationRecord } from '../migration-record.ts'
import { CommandTable } from './command-table.ts'
import type { Query } from './connections.ts'
import type { Database } from './database.ts'
import { DatabaseContents, MIGRATION } from './database-contents.ts'
import type { Lease } from './lease.ts'
import { LostLeaseError } from './lost-lease-error.ts'
import { removeHistory } from './removals.ts'
import { writeList } from './stored-list.ts'

/** Number of commands and of lines of the audit log per statement. */
const LINES = 500

/** Changes the tables of a store while this process has the lease. */
export class WritableDatabaseContents extends DatabaseContents implements WritableContents {
  readonly #lease: Lease
  readonly #logger: Logger

  constructor({
    database,
    address,
    lease,
    logger,
  }: { database: Database; address: DatabaseAddress; lease: Lease; logger: Logger }) {
    super(database, address)
    this.#lease = lease
    this.#logger = logger
  }

  async last(key: string): Promise<StoredLine | undefined> {
    const [row] = await this.database.run(
      (sql) => sql<{ line: Buffer }[]>`
        select line from activity where agent = ${key} order by "from" desc limit 1`,
    )
    const head = row && wholeLine(row.line)
    return head && { head, bytes: row.line }
  }

  async add(additions: readonly Addition[]): Promise<void> {
    await this.database.write(async (sql) => {
      await addRecords(sql, additions)
      const withLines = additions.filter(({ lines }) => lines.length > 0)
      if (withLines.length > 0) await addLines(sql, withLines)
    })
  }

  async removeAgent(key: string): Promise<void> {
    for await (const _ of removeHistory(this.database, key));
  }

  async replaceList<N extends ListName>(name: N, records: readonly ListOf<N>[]): Promise<void> {
    if (name === 'commands') return this.#replaceCommands(records as readonly CommandLine[])
    if (name === 'machines') return this.#replaceMachines(records as readonly ListOf<'machines'>[])
    await this.database.write((sql) => writeList(sql, name, records))
  }

  async replaceAudit(lines: AsyncIterable<AuditLine[]>): Promise<LineRange | undefined> {
    await this.database.write((sql) => sql`delete from audit`)
    let range: LineRange | undefined
    for await (const batch of lines) {
      if (batch.length === 0) continue
      range = { from: range?.from ?? batch[0]!.n, to: batch.at(-1)!.n }
      await this.database.write(
        (sql) => sql`
          insert into audit (n, line)
          select * from unnest(${batch.map(({ n }) => n)}::bigint[], ${batch.map(({ line }) => line)}::text[])`,
      )
    }
    return range
  }

  async setMigration(record: MigrationRecord): Promise<void> {
    await this.database.write((sql) => writeList(sql, MIGRATION, [record]))
  }

  override async close() {
    await this.#lease.release()
    await super.close()
  }

  async #replaceMachines(machines: readonly ListOf<'machines'>[]): Promise<void> {
    await this.database.write(async (sql) => {
      await sql`delete from machine`
      await sql`
        insert into machine (id, record)
        select * from unnest(
          ${machines.map(({ machine_id }) => JSON.stringify(machine_id))}::text[],
          ${machines.map((each) => JSON.stringify(each))}::text[])`
    })
  }

  async #replaceCommands(lines: readonly CommandLine[]): Promise<void> {
    await this.database.write((sql) => sql`delete from command`)
    const table = new CommandTable(this.database, this.#logger)
    await table.load({ visit() {}, isPending: () => true, kept: () => [...lines] })
    for (let at = 0; at < lines.length; at += LINES)
      await Promise.all(lines.slice(at, at + LINES).map((line) => table.append(line)))
    await table.drain()
  }
}

async function addRecords(sql: Query, additions: readonly Addition[]): Promise<void> {
  await sql`
    insert into agent (key, machine_id, record)
    select * from unnest(
      ${additions.map(({ key }) => key)}::text[],
      ${additions.map(({ record }) => (record ? JSON.stringify(record.machine_id) : null))}::text[],
      ${additions.map(({ record }) => (record ? JSON.stringify(record) : null))}::text[])
    on conflict (key) do update set
      machine_id = coalesce(excluded.machine_id, agent.machine_id), record = coalesce(excluded.record, agent.record)`
}

/** Adds lines where the histories end, as the hub does. */
async function addLines(sql: Query, additions: readonly Addition[]): Promise<void> {
  const lines = additions.flatMap(({ key, lines }) => lines.map((line) => ({ key, ...line })))
  const heads = additions.map(({ lines }) => lines.at(-1)!.head)
  const moved = await sql`
    update agent set have = ends."to", head = ends.head, bytes = agent.bytes + ends.bytes
    from unnest(
      ${additions.map(({ key }) => key)}::text[], ${additions.map(({ have }) => have)}::bigint[],
      ${heads.map(({ to }) => to)}::bigint[], ${heads.map((head) => JSON.stringify(head))}::text[],
      ${additions.map(({ lines }) => lines.reduce((sum, { bytes }) => sum + bytes.length, 0))}::bigint[]
    ) as ends (key, have, "to", head, bytes)
    where agent.key = ends.key and agent.have = ends.have`
  if (moved.count !== additions.length) throw new LostLeaseError()
  let at = 1
  const starts = lines.map(({ bytes }) => {
    at += bytes.length
    return at - bytes.length
  })
  await sql`
    insert into activity (agent, "from", line)
    select line.key, line."from", substring(${Buffer.concat(lines.map(({ bytes }) => bytes))}::bytea from line.start for line.size)
    from unnest(
      ${lines.map(({ key }) => key)}::text[], ${lines.map(({ head }) => head.from)}::bigint[],
      ${starts}::integer[], ${lines.map(({ bytes }) => bytes.length)}::integer[]
    ) as line (key, "from", start, size)`
}
