import { sleep } from '../../../platform/clock.ts'
import type { Logger } from '../../../platform/log.ts'
import type { Database } from './database.ts'
import { isAway } from './database-errors.ts'

/** Pause between attempts, which doubles from the first to the last value, in milliseconds. */
const FIRST_MS = 500
const LAST_MS = 10_000
/** Interval between log lines while the hub waits, in milliseconds. */
const LOG_MS = 60_000

export interface WaitOptions {
  /** Ends the wait. */
  signal?: AbortSignal | undefined
  /** Called with the reason when the hub begins to wait. */
  onWait?: ((reason: string) => void) | undefined
  logger: Logger
}

/**
 * Waits until the database answers: after a boot, the hub may be faster.
 * @throws the error of a database that will not answer without a change of the hub's settings, or the signal's reason
 */
export async function waitForDatabase(
  database: Pick<Database, 'run'>,
  { signal, onWait, logger }: WaitOptions,
): Promise<void> {
  let loggedMs = Number.NEGATIVE_INFINITY
  for (let pauseMs = FIRST_MS; ; pauseMs = Math.min(2 * pauseMs, LAST_MS)) {
    const failure = await unlessAborted(answers(database), signal)
    signal?.throwIfAborted()
    if (failure === undefined) return
    if (!isAway(failure)) throw failure
    const reason = `Waiting for the database: ${failure.message}`
    onWait?.(reason)
    if (performance.now() - loggedMs >= LOG_MS) {
      logger.warn(reason)
      loggedMs = performance.now()
    }
    await sleep(pauseMs, signal)
    signal?.throwIfAborted()
  }
}

/** Returns the error if the database does not answer. */
const answers = (database: Pick<Database, 'run'>): Promise<unknown> =>
  database
    .run((sql) => sql`select 1`)
    .then(
      () => undefined,
      (error: unknown) => error,
    )

function unlessAborted<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T | undefined> {
  if (!signal) return promise
  const aborted = new Promise<undefined>((resolve) =>
    signal.addEventListener('abort', () => resolve(undefined), { once: true }),
  )
  return Promise.race([promise, aborted])
}
