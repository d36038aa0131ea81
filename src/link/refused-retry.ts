import type { Refuse } from '../protocol/index.ts'

/** Between tries when the server refuses this daemon: nothing here will change that by itself. */
const RETRY_MS = 5 * 60_000
/** What a server's `retry_after_s` may ask for. */
const RETRY_AFTER_S = { least: 1, most: 24 * 3600 }

/** How long to wait before a server that has refused this daemon is tried again. */
export function refusedRetryMs({ retry_after_s }: Refuse): number {
  const { least, most } = RETRY_AFTER_S
  return retry_after_s === undefined ? RETRY_MS : Math.min(Math.max(retry_after_s, least), most) * 1000
}
