import type { DatabaseAddress } from '../../../config/hub-store.ts'
import type { Clock } from '../../../platform/clock.ts'
import { UserError } from '../../../platform/errors.ts'
import { EXIT } from '../../../platform/exit-codes.ts'
import type { Logger } from '../../../platform/log.ts'
import { connect } from './connect.ts'
import { DatabaseContents } from './database-contents.ts'
import { Lease } from './lease.ts'
import { refuseNewerSchema, upgradeSchema } from './schema.ts'
import { unusable } from './unusable.ts'
import { WritableDatabaseContents } from './writable-database-contents.ts'

export interface LeaseDatabaseOptions {
  address: DatabaseAddress
  /** Identifies this work. An earlier process with this id must have ended. */
  holder: string
  /** True to make tables in an empty database. */
  isNew: boolean
  clock: Clock
  logger: Logger
}

/** Opens the tables of a hub for reading. The hub may be running. @throws UserError */
export async function readDatabase(address: DatabaseAddress, logger: Logger): Promise<DatabaseContents> {
  const database = await connect(address, logger)
  const contents = new DatabaseContents(database, address)
  try {
    if (!(await refuseNewerSchema(database))) throw missing(contents.place)
    return contents
  } catch (error) {
    database.close()
    throw error instanceof UserError ? error : unusable(error, address)
  }
}

/** Takes the lease, so that no hub can use the database, and opens its tables. @throws UserError */
export async function leaseDatabase(options: LeaseDatabaseOptions): Promise<WritableDatabaseContents> {
  const { address, holder, isNew, clock, logger } = options
  const database = await connect(address, logger)
  const lease = new Lease({ database, holder, clock })
  try {
    if (!isNew && !(await refuseNewerSchema(database)))
      throw missing(new DatabaseContents(database, address).place)
    await upgradeSchema(database)
    await lease.take()
    return new WritableDatabaseContents({ database, address, lease, logger })
  } catch (error) {
    database.close()
    throw error instanceof UserError ? error : unusable(error, address)
  }
}

const missing = (place: string) =>
  new UserError('store_missing', `The database ${place} contains no data of a hub.`, {
    remedy: 'Check the address.',
    exitCode: EXIT.refused,
  })
