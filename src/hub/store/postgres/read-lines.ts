import type { AnyEvent } from '../../../protocol/index.ts'
import { type EventId, endOf, isAfter } from '../event-id.ts'
import { parseLine, parseLineEnd } from '../journal-line.ts'
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
export function databaseReaderBackward({ database, key, journal }: Source, before: EventId): BackwardReader {
  let first = before
  /** The next batch has only events before this event. */
  let bound = before
  /** Offset before which the lines of the next batch begin. */
  let end: number | undefined
  let isBeginning = false

  /** Takes the last events from lines in descending order. */
  function take(lines: readonly Row[], most: number): AnyEvent[] {
    const taken: AnyEvent[][] = []
    let left = most
    for (const { from, line } of lines) {
      if (left === 0) break
      end = Number(from)
      const part = parseLineEnd(line.toString('utf8'), bound, left)
      if (!part) continue
      taken.push(part.events)
      left -= part.events.length
      const start = part.isWhole ? { offset: part.from, index: 0 } : part.events[0]!
      if (isAfter(first, start)) first = start
      if (part.isWhole) continue
      // The next batch continues within the line.
      bound = start
      end++
    }
    return taken.reverse().flat()
  }

  return {
    async next(most) {
      if (isBeginning) return { events: [], first, bytes: 0, isBeginning }
      const { have } = await journal()
      const rows = await database.run(
        (sql) => sql<Row[]>`
          select "from", line from (
            select "from", line, sum(length(line)) over (order by "from" desc) - length(line) as behind
            from (
              select "from", line from activity
              where agent = ${key} and "from" < ${end ?? Math.min(before.offset + 1, have)}
              order by "from" desc limit ${BATCH_LINES}
            ) as lines
          ) as sized where behind < ${BATCH_BYTES} order by "from" desc`,
      )
      const events = take(rows, most)
      const [{ earlier } = { earlier: false }] = await database.run(
        (sql) => sql<{ earlier: boolean }[]>`
          select exists (select from activity where agent = ${key} and "from" < ${end ?? 0}) as earlier`,
      )
      isBeginning = !earlier
      return { events, first, bytes: rows.reduce((sum, { line }) => sum + line.length, 0), isBeginning }
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
