import { sleep } from '../../platform/clock.ts'
import type { Logger } from '../../platform/log.ts'

/** Pause between attempts, which doubles from the first to the last value, in milliseconds. */
const FIRST_MS = 500
const LAST_MS = 10_000
/** Interval between log lines while the hub waits, in milliseconds. */
const LOG_MS = 60_000

export interface RetryOptions {
  /** Ends the wait. */
  signal?: AbortSignal | undefined
  /** Called with the reason when the hub waits. */
  onWait?: ((reason: string) => void) | undefined
  logger: Logger
}

/**
 * Repeats an attempt until it succeeds, with pauses, as long as the database is away.
 * @param isAway reports whether the database may answer later, without a change of the hub's settings
 * @throws the error of the attempt if the database is not away; once the signal is aborted, only the signal's reason
 */
export async function retryWhileAway<T>(
  attempt: () => Promise<T>,
  isAway: (error: unknown) => boolean,
  { signal, onWait, logger }: RetryOptions,
): Promise<T> {
  let loggedMs = Number.NEGATIVE_INFINITY
  for (let pauseMs = FIRST_MS; ; pauseMs = Math.min(2 * pauseMs, LAST_MS)) {
    try {
      return await attempt()
    } catch (error) {
      signal?.throwIfAborted()
      if (!isAway(error)) throw error
      const reason = `Waiting for the database: ${(error as Error).message}`
      onWait?.(reason)
      if (performance.now() - loggedMs >= LOG_MS) {
        logger.warn(reason)
        loggedMs = performance.now()
      }
    }
    await sleep(pauseMs, signal)
    signal?.throwIfAborted()
  }
}
