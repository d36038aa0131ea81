import type { AuditLimits } from '../config/hub-limits.ts'
import type { DatabaseAddress } from '../config/hub-store.ts'
import type { Clock } from '../platform/clock.ts'
import { openFileStore } from './store/files/file-store.ts'
import { type OpenFolderOptions, openFolder } from './store/files/open-folder.ts'
import { watchFolder } from './store/files/watch-folder.ts'
import { type RetryOptions, retryWhileAway } from './store/retry-while-away.ts'
import type { Store } from './store/store.ts'
import { StoreUnavailableError } from './store/store-unavailable.ts'

export interface OpenStoreOptions extends OpenFolderOptions, RetryOptions {
  /** Database of the store. Default: the store is in the hub's folder. */
  address?: DatabaseAddress | undefined
  /** Limits on the audit log. */
  audit: AuditLimits
  clock: Clock
}

/**
 * Locks the hub's folder, and opens the hub's store in it or in a database.
 * @throws UserError, StoreUnavailableError if the database fails after the wait, or the reason of the signal
 */
export async function openStore(options: OpenStoreOptions): Promise<Store> {
  const { address, dir, audit, clock, logger, signal, onWait } = options
  if (!address) return openFileStore(options)
  const unlock = await openFolder(options)
  try {
    const { openPostgresStore } = await import('./store/postgres/postgres-store.ts')
    const store = await openPostgresStore({ address, dir, audit, clock, logger, signal, onWait })
    return {
      ...store,
      watch(lost) {
        const leave = [store.watch(lost), watchFolder(dir, { clock, lost })]
        return () => {
          for (const each of leave) each()
        }
      },
      close: () => store.close().finally(unlock),
    }
  } catch (error) {
    unlock()
    throw error
  }
}

/** Repeats a start as long as the store's database is away. @throws the error of the start, or the reason of the signal */
export const retryWhileStoreAway = <T>(attempt: () => Promise<T>, options: RetryOptions): Promise<T> =>
  retryWhileAway(attempt, (error) => error instanceof StoreUnavailableError, options)
