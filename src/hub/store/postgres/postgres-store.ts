import { randomUUID } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import * as z from 'zod/mini'
import type { AuditLimits } from '../../../config/hub-limits.ts'
import type { DatabaseAddress } from '../../../config/hub-store.ts'
import type { Clock } from '../../../platform/clock.ts'
import { UserError } from '../../../platform/errors.ts'
import { writeAtomic } from '../../../platform/files.ts'
import { ifPresent } from '../../../platform/or-undefined.ts'
import { KeyEntry } from '../key-entry.ts'
import { refuseMigrated } from '../migration-record.ts'
import { KeysWithOwn } from '../own-keys.ts'
import { isPushKey, makePushKey } from '../push-key.ts'
import { EnrollmentRecord, PushRecord, SessionRecord, UserKeyEntry } from '../records.ts'
import type { RetryOptions } from '../retry-while-away.ts'
import { BlockedRecord, RolloutRecord } from '../rollout-records.ts'
import type { Store } from '../store.ts'
import { AgentTable, nameOf } from './agent-table.ts'
import { AuditTable } from './audit-table.ts'
import { CommandTable } from './command-table.ts'
import { connect } from './connect.ts'
import type { Database } from './database.ts'
import { migrationIn } from './database-contents.ts'
import { isAway } from './database-errors.ts'
import { DatabaseJournals } from './database-journals.ts'
import { DurabilityWatch } from './durability-watch.ts'
import { KeyRow } from './key-row.ts'
import { LateWrites } from './late-writes.ts'
import { Lease } from './lease.ts'
import { MachineTable } from './machine-table.ts'
import { Removals } from './removals.ts'
import { upgradeSchema } from './schema.ts'
import { readList, StoredList } from './stored-list.ts'
import { unusable } from './unusable.ts'
import { waitForDatabase } from './wait-for-database.ts'

const PushKeyRecord = z.object({ pem: z.string() })

export interface PostgresStoreOptions extends RetryOptions {
  address: DatabaseAddress
  /** The hub's folder, which the caller has locked. It contains the hub's own keys. */
  dir: string
  audit: AuditLimits
  clock: Clock
}

/**
 * Opens the store in a database, and makes or upgrades its tables. Waits for a database that is not up yet.
 * @throws UserError, StoreUnavailableError if the database fails after the wait, or the reason of the signal
 */
export async function openPostgresStore(options: PostgresStoreOptions): Promise<Store> {
  const { address, clock, dir, logger, signal } = options
  const database = await connect(address, logger)
  const lease = new Lease({ database, holder: holderIn(dir), clock })
  try {
    await waitForDatabase(database, options)
    await upgradeSchema(database)
    await lease.take()
    refuseMigrated(await migrationIn(database))
    return await storeIn(options, database, lease)
  } catch (error) {
    if (database.epoch > 0n) await lease.release()
    database.close()
    const isKnown = error instanceof UserError || isAway(error) || signal?.aborted
    throw isKnown ? error : unusable(error, address)
  }
}

async function storeIn(
  { dir, audit, clock, logger }: PostgresStoreOptions,
  database: Database,
  lease: Lease,
): Promise<Store> {
  const keys = new KeysWithOwn({
    dir,
    list: new KeyRow(database, 'keys', await readList(database, 'keys', KeyEntry)),
    users: new KeyRow(database, 'user keys', await readList(database, 'user keys', UserKeyEntry)),
    clock,
    logger,
  })
  await keys.acceptOwn()
  const writes = new LateWrites({ database, clock, logger })
  const journals = new DatabaseJournals({
    database,
    clock,
    logger,
    saveRecords: (keys) => writes.written(keys.map(nameOf)),
    lost: ({ reason }) => void lease.lose(reason),
  })
  const removals = new Removals({ database, clock, logger })
  const pushKeys = new StoredList(database, 'push key', await readList(database, 'push key', PushKeyRecord))
  const durability = new DurabilityWatch({ database, clock, logger })
  const store: Store = {
    journals,
    agents: new AgentTable({ database, journals, writes, removals, logger }),
    machines: new MachineTable({ database, writes, logger }),
    commands: new CommandTable(database, logger),
    keys,
    enrollments: new StoredList(
      database,
      'enrollments',
      await readList(database, 'enrollments', EnrollmentRecord),
    ),
    sessions: new StoredList(database, 'sessions', await readList(database, 'sessions', SessionRecord)),
    push: new StoredList(database, 'push', await readList(database, 'push', PushRecord)),
    rollouts: new StoredList(database, 'rollouts', await readList(database, 'rollouts', RolloutRecord)),
    blocked: new StoredList(
      database,
      'blocked versions',
      await readList(database, 'blocked versions', BlockedRecord),
    ),
    async pushKey() {
      const known = (await pushKeys.all()).find(({ pem }) => isPushKey(pem))
      if (known) return known.pem
      await pushKeys.change((all) => (all.length > 0 ? all : [{ pem: makePushKey() }]))
      return (await pushKeys.all())[0]!.pem
    },
    audit: await AuditTable.open(database, audit),
    durability,
    watch: (lost) => lease.watch(lost),
    async close() {
      durability.close()
      await journals.close()
      await writes.close()
      await removals.close()
      await lease.release()
      database.close()
    },
  }
  // Starts last, because it would continue after a failure.
  await durability.start()
  return store
}

/** Returns the id of the hub's folder. */
function holderIn(dir: string): string {
  const path = join(dir, 'store-holder')
  const known = ifPresent(() => readFileSync(path, 'utf8'))?.trim()
  if (known) return known
  const made = randomUUID()
  writeAtomic(path, `${made}\n`, { durable: true })
  return made
}
