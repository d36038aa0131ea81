import type { AnyEvent } from '../../../protocol/index.ts'
import { type EventId, endOf, isAfter } from '../event-id.ts'
import { parseLine } from '../journal-line.ts'
import type { BackwardReader, EventReader, JournalState } from '../journals.ts'
import type { Database } from './database.ts'

/** Size at which a batch ends, in bytes, and maximum number of its lines. */
const BATCH_BYTES = 256 * 1024
const BATCH_LINES = 512

interface Source {
  database: Database
  key: string
  /** Returns the journal, whose durable lines are read. */
  journal(): Promise<JournalState>
}

interface Row {
  from: string
  line: Buffer
}

/** Returns a reader that continues after the previous batch by the offset of its last line. */
export function databaseReader({ database, key, journal }: Source, after: EventId): EventReader {
  let last = after
  /** Offset of the last line that was read. */
  let read: number | undefined
  return {
    async next() {
      const { have } = await journal()
      const from = read ?? (await lineBefore(database, key, after.offset)) - 1
      const rows = await database.run(
        (sql) => sql<Row[]>`
          select "from", line from (
            select "from", line, sum(length(line)) over (order by "from") - length(line) as before
            from (
              select "from", line from activity
              where agent = ${key} and "from" > ${from} and "from" < ${have} order by "from" limit ${BATCH_LINES}
            ) as lines
          ) as sized where before < ${BATCH_BYTES} order by "from"`,
      )
      const events: AnyEvent[] = []
      let bytes = 0
      let end = 0
      for (const { line } of rows) {
        bytes += line.length
        const parsed = parseLine(line.toString('utf8'))
        if (!parsed) continue
        end = parsed.to
        for (const event of parsed.events) if (isAfter(event, after)) events.push(event)
      }
      read = rows.length > 0 ? Number(rows.at(-1)!.from) : from
      if (end > last.offset) last = endOf(end)
      return { events, last, bytes, isEnd: rows.length === 0 || end >= (await journal()).have }
    },
  }
}

/** Returns a reader that continues before the previous batch by the offset of its first line. */
export function databaseReaderBackward(
  { database, key, journal }: Source,
  before: EventId,
): BackwardReader {
  let first = before
  let read: number | undefined
  let isBeginning = false
  return {
    async next() {
      if (isBeginning) return { events: [], first, bytes: 0, isBeginning }
      const { have } = await journal()
      const end = read ?? Math.min(before.offset + 1, have)
      const rows = await database.run(
        (sql) => sql<(Row & { beginning: boolean })[]>`
          select "from", line, not exists (
            select from activity where agent = ${key} and "from" < sized."from"
          ) as beginning
          from (
            select "from", line, sum(length(line)) over (order by "from" desc) - length(line) as behind
            from (
              select "from", line from activity
              where agent = ${key} and "from" < ${end} order by "from" desc limit ${BATCH_LINES}
            ) as lines
          ) as sized where behind < ${BATCH_BYTES} order by "from"`,
      )
      const events: AnyEvent[] = []
      let bytes = 0
      for (const { line } of rows) {
        bytes += line.length
        for (const event of parseLine(line.toString('utf8'))?.events ?? [])
          if (isAfter(before, event)) events.push(event)
      }
      read = Number(rows[0]?.from ?? 0)
      isBeginning = rows[0]?.beginning ?? true
      const start = { offset: read, index: 0 }
      if (rows.length > 0 && isAfter(first, start)) first = start
      return { events, first, bytes, isBeginning }
    },
  }
}

/** Returns the offset of the line that contains `offset`, or that precedes it. */
async function lineBefore(database: Database, key: string, offset: number): Promise<number> {
  const [row] = await database.run(
    (sql) => sql<{ from: string | null }[]>`
      select max("from") as "from" from activity where agent = ${key} and "from" <= ${offset}`,
  )
  return Number(row?.from ?? 0)
}
