import { UserError } from '../../../platform/errors.ts'
import { EXIT } from '../../../platform/exit-codes.ts'
import type { Query } from './connections.ts'
import type { Database } from './database.ts'

/**
 * Statements that make the tables, in steps. A step never changes once it was released; a new version adds a step.
 * `agent.head` is the range of the agent's last line, as in `activity.line` but without events. Texts that come from
 * machines are JSON, because the database refuses some characters of plain text.
 */
const STEPS: readonly string[] = [
  `
  create table lease (
    name text primary key, epoch bigint not null, holder text not null, description text not null,
    seen_at timestamptz not null);
  create table machine (id text primary key, record text not null);
  create table agent (
    key text primary key, machine_id text, record text,
    have bigint not null default 0, head text, bytes bigint not null default 0);
  create table activity (
    agent text not null, "from" bigint not null, line bytea not null, primary key (agent, "from"));
  create table command (
    n bigint primary key, id text not null, secret boolean not null, outcome boolean not null, line text not null);
  create index command_id on command (id);
  create table list (name text primary key, content text not null);
  create table audit (n bigint primary key, line text not null);
  `,
  // With this index, `epoch` is part of a key. Writes lock only the key of the lease, which its signs of life leave
  // unchanged, so that many writes cannot hold up a sign of life.
  `
  create unique index lease_key on lease (name, epoch);
  `,
]

/** SQLSTATEs of two hubs that create the same table at the same time. */
const RACES = ['23505', '42P07']

/**
 * Makes the tables, or upgrades them. Hubs that start at the same time wait for each other.
 * @throws UserError if a newer version of the hub has made them
 */
export async function upgradeSchema(database: Database): Promise<void> {
  try {
    await database.begin(upgrade)
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && RACES.includes(String(error.code)))) throw error
    await database.begin(upgrade)
  }
}

/**
 * Reports whether a hub has made its tables in the database.
 * @throws UserError if a newer version of the hub has made them
 */
export async function refuseNewerSchema(database: Database): Promise<boolean> {
  const [table] = await database.run(
    (sql) => sql<{ name: string | null }[]>`select to_regclass('format')::text as name`,
  )
  if (table?.name == null) return false
  const [row] = await database.run(
    (sql) => sql<{ version: number }[]>`select version from format where name = 'hub'`,
  )
  if (row && row.version > STEPS.length) throw tooNew(row.version)
  return row !== undefined && row.version > 0
}

async function upgrade(sql: Query): Promise<void> {
  await sql`create table if not exists format (name text primary key, version integer not null)`
  await sql`insert into format values ('hub', 0) on conflict do nothing`
  const [row] = await sql<{ version: number }[]>`select version from format where name = 'hub' for update`
  const version = row?.version ?? 0
  if (version > STEPS.length) throw tooNew(version)
  if (version === STEPS.length) return
  for (const step of STEPS.slice(version)) await sql.unsafe(step)
  await sql`update format set version = ${STEPS.length} where name = 'hub'`
}

const tooNew = (version: number) =>
  new UserError(
    'store_newer',
    `A newer version of the hub has upgraded the database (schema ${version}; this version knows ${STEPS.length}).`,
    { remedy: 'Run that version of the hub, or restore a backup of the database.', exitCode: EXIT.refused },
  )
