import type { Database } from './database.ts'

/** Number of lines that a transaction deletes: it must end long before its deadline. */
const LINES = 5000

/** Deletes the lines of an agent, and then the agent. Each slice is a transaction, because a history may be long. */
export async function removeHistory(database: Database, key: string): Promise<void> {
  for (let deleted = LINES; deleted === LINES; )
    deleted = (
      await database.write(
        (sql) => sql`
          delete from activity where agent = ${key} and "from" in (
            select "from" from activity where agent = ${key} order by "from" limit ${LINES})`,
      )
    ).count
  await database.write((sql) => sql`delete from agent where key = ${key}`)
}
