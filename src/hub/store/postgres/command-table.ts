import { parseJsonLine } from '../../../platform/files.ts'
import type { Logger } from '../../../platform/log.ts'
import { Commands, hasSecrets } from '../../../protocol/index.ts'
import { type CommandLine, CommandLineRecord, type CommandReader, type CommandStore } from '../commands.ts'
import type { Query } from './connections.ts'
import type { Database } from './database.ts'

/** Number of lines that are read at once. */
const LINES = 500
/** Length of all lines, in characters, from which lines that are not kept are deleted. It must also have doubled. */
const CLEAN_CHARS = 16 * 1024 * 1024

interface Row {
  n: number
  id: string
  secret: boolean
  outcome: boolean
  line: string
}

interface Waiting {
  row: Row
  stored(): void
  failed(error: unknown): void
}

/** The table `command`. A command with secrets is deleted together with the write of its outcome. */
export class CommandTable implements CommandStore {
  readonly #database: Database
  readonly #logger: Logger
  #reader: CommandReader | undefined
  #newest = 0
  #chars = 0
  #cleanedChars = 0
  #waiting: Waiting[] = []
  /** Outcomes that could not be written. */
  #owed: Row[] = []
  /** Numbers of commands whose writes failed, but may have reached the database. */
  #failed: number[] = []
  #running: Promise<void> | undefined

  constructor(database: Database, logger: Logger) {
    this.#database = database
    this.#logger = logger
  }

  async load(reader: CommandReader): Promise<void> {
    this.#reader = reader
    const finished: number[] = []
    for (let full = true; full; ) {
      const rows = await this.#database.run(
        (sql) => sql<(Omit<Row, 'n'> & { n: string })[]>`
          select n, id, secret, outcome, line from command where n > ${this.#newest} order by n limit ${LINES}`,
      )
      for (const { n, line } of rows) {
        this.#newest = Number(n)
        this.#chars += line.length
        const read = parseJsonLine('the commands in the database', line, CommandLineRecord) as
          | CommandLine
          | undefined
        if (read) reader.visit(read)
        else this.#logger.error({ n }, 'skipped a damaged line in the list of commands')
      }
      full = rows.length === LINES
    }
    const secret = await this.#database.run(
      (sql) => sql<{ n: string; id: string }[]>`select n, id from command where secret`,
    )
    for (const { n, id } of secret) if (!reader.isPending(JSON.parse(id))) finished.push(Number(n))
    if (finished.length > 0)
      await this.#database.write((sql) => sql`delete from command where n = any(${finished}::bigint[])`)
  }

  append(line: CommandLine): Promise<void> {
    const row: Row = {
      n: ++this.#newest,
      id: JSON.stringify('outcome' in line ? line.outcome.command_id : line.command.command_id),
      secret: 'command' in line && hasSecrets(Commands[line.command.type], line.command),
      outcome: 'outcome' in line,
      line: JSON.stringify(line),
    }
    return new Promise((stored, failed) => {
      this.#waiting.push({ row, stored, failed })
      this.#running ??= Promise.resolve().then(() => this.#run())
    })
  }

  async drain(): Promise<void> {
    await this.#running
  }

  async #run(): Promise<void> {
    while (this.#waiting.length > 0) {
      const batch = this.#waiting.splice(0)
      const rows = [...this.#owed, ...batch.map(({ row }) => row)]
      try {
        await this.#database.write((sql) => store(sql, rows, this.#failed))
        this.#owed = []
        this.#failed = []
        for (const { row } of batch) this.#chars += row.line.length
        for (const { stored } of batch) stored()
      } catch (error) {
        this.#owed = rows.filter(({ outcome }) => outcome)
        this.#failed.push(...batch.flatMap(({ row }) => (row.outcome ? [] : [row.n])))
        for (const { failed } of batch) failed(error)
      }
      // The queue does not know yet that the lines of this batch are stored.
      await this.#clean(batch[0]!.row.n)
    }
    this.#running = undefined
  }

  /** Deletes lines before number `end` that the hub has forgotten. */
  async #clean(end: number): Promise<void> {
    if (this.#chars < Math.max(CLEAN_CHARS, 2 * this.#cleanedChars)) return
    const kept = this.#reader!.kept().map((line) => ({
      id: JSON.stringify('outcome' in line ? line.outcome.command_id : line.command.command_id),
      outcome: 'outcome' in line,
      chars: JSON.stringify(line).length,
    }))
    try {
      await this.#database.write(
        (sql) => sql`
          delete from command where n < ${end} and not exists (
            select from unnest(
              ${kept.map(({ id }) => id)}::text[], ${kept.map(({ outcome }) => String(outcome))}::text[]::boolean[]
            ) as kept (id, outcome)
            where kept.id = command.id and kept.outcome = command.outcome)`,
      )
      this.#chars = kept.reduce((sum, { chars }) => sum + chars, 0)
      this.#cleanedChars = this.#chars
    } catch (error) {
      this.#logger.error({ err: error }, 'could not delete forgotten commands')
    }
  }
}

async function store(sql: Query, rows: Row[], failed: number[]): Promise<void> {
  if (failed.length > 0) await sql`delete from command where n = any(${failed}::bigint[])`
  // A row may be there already, if the answer to an earlier attempt was lost.
  await sql`
    insert into command (n, id, secret, outcome, line)
    select * from unnest(
      ${rows.map(({ n }) => n)}::bigint[], ${rows.map(({ id }) => id)}::text[],
      ${rows.map(({ secret }) => String(secret))}::text[]::boolean[], ${rows.map(({ outcome }) => String(outcome))}::text[]::boolean[],
      ${rows.map(({ line }) => line)}::text[])
    on conflict (n) do nothing`
  const answered = rows.flatMap(({ id, outcome }) => (outcome ? [id] : []))
  if (answered.length > 0) await sql`delete from command where secret and id = any(${answered}::text[])`
}
