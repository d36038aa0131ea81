import { createHash } from 'node:crypto'
import { hostname } from 'node:os'
import type { StorePlace } from '../config/hub-store.ts'
import type { Clock } from '../platform/clock.ts'
import { UserError } from '../platform/errors.ts'
import type { Logger } from '../platform/log.ts'
import type { Contents, WritableContents } from './store/contents.ts'
import { lockFiles, readFiles } from './store/files/open-contents.ts'
import { StoreUnavailableError } from './store/store-unavailable.ts'

export interface OpenContentsOptions {
  /** Refuses a folder that other users can write to. */
  strict: boolean
  clock: Clock
  logger: Logger
}

/** Works with stores. @throws UserError also if the database cannot be reached any more */
export async function onStores(work: () => Promise<void>): Promise<void> {
  try {
    await work()
  } catch (error) {
    if (!(error instanceof StoreUnavailableError)) throw error
    throw new UserError('store_unavailable', `${error.message.replace(/\.$/, '')}.`, {
      remedy: 'Run the command again when PostgreSQL is running, and this machine can reach it.',
      cause: error,
    })
  }
}

/** Opens a store for reading, also while a hub uses it. @throws UserError */
export async function readContents(place: StorePlace, logger: Logger): Promise<Contents> {
  if ('dir' in place) return readFiles(place.dir)
  const { readDatabase } = await import('./store/postgres/open-contents.ts')
  return readDatabase(place.address, logger)
}

/**
 * Opens a store so that no hub can use it meanwhile.
 * @param folder a folder that this process has locked, or is about to lock
 * @param isNew true to make the store if it does not exist
 * @throws UserError, for example if a hub is running
 */
export async function lockContents(
  place: StorePlace,
  { folder, isNew, ...options }: OpenContentsOptions & { folder: string; isNew: boolean },
): Promise<WritableContents> {
  if ('dir' in place) return lockFiles({ ...options, dir: place.dir, faults: [], isNew })
  const { leaseDatabase } = await import('./store/postgres/open-contents.ts')
  // Only one process at a time works on this folder, so an earlier process with this id has ended.
  const holder = createHash('sha256').update(`migrate ${hostname()} ${folder}`).digest('hex')
  return leaseDatabase({ ...options, address: place.address, holder, isNew })
}
