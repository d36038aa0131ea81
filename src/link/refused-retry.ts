import type { Refuse } from '../protocol/index.ts'

/** Delay after a refusal, in ms. The delay is long because a refusal rarely ends before an operator acts. */
const RETRY_MS = 5 * 60_000
/** Minimum and maximum delay that a server may request, in seconds. */
const RETRY_AFTER_S = { least: 1, most: 24 * 3600 }

/**
 * Returns the delay that a server requests, in ms, adjusted to the limits. @param afterS requested delay in
 * seconds
 */
export function boundedMs(afterS: number): number {
  const { least, most } = RETRY_AFTER_S
  return Math.min(Math.max(afterS, least), most) * 1000
}

/** Returns the delay before retrying after a refusal, in ms; undefined for the usual backoff. */
export function refusedRetryMs({ code, retry_after_s }: Refuse): number | undefined {
  if (retry_after_s !== undefined) return boundedMs(retry_after_s)
  return code === 'busy' ? undefined : RETRY_MS
}
