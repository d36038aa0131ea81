import { type RetryOptions, retryWhileAway } from '../retry-while-away.ts'
import type { Database } from './database.ts'
import { isAway } from './database-errors.ts'

/**
 * Waits until the database answers: after a boot, the hub may be faster.
 * @throws the error of a database that will not answer without a change of the hub's settings, or the signal's reason
 */
export async function waitForDatabase(database: Pick<Database, 'run'>, options: RetryOptions): Promise<void> {
  const answers = () => database.run((sql) => sql`select 1`)
  await retryWhileAway(() => unlessAborted(answers(), options.signal), isAway, options)
}

/** @throws the signal's reason as soon as there is one */
async function unlessAborted<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (!signal) return promise
  let abort = () => {}
  const aborted = new Promise<never>((_, reject) => {
    abort = () => reject(signal.reason)
  })
  if (signal.aborted) abort()
  signal.addEventListener('abort', abort)
  try {
    return await Promise.race([promise, aborted])
  } finally {
    signal.removeEventListener('abort', abort)
  }
}
