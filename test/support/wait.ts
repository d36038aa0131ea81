import { setTimeout as sleep } from 'node:timers/promises'

/**
 * Default timeout, in milliseconds. It is enough for a machine under load; an emulated CPU needs a longer
 * timeout.
 */
const DEADLINE_MS = 60_000 * Number(process.env.TEST_PATIENCE ?? 1)
const POLL_MS = 10

/**
 * Waits until `holds` returns a truthy value, and returns this value.
 * @param options.seen returns the actual state for the error message, such as the text of a log
 * @throws Error that names `what`, after the timeout
 */
export async function until<T>(
  holds: () => T | Promise<T>,
  {
    timeoutMs = DEADLINE_MS,
    what = 'the condition',
    seen = () => '',
  }: { timeoutMs?: number; what?: string; seen?: () => string } = {},
): Promise<Exclude<Awaited<T>, undefined | null | false | 0 | ''>> {
  const deadline = performance.now() + timeoutMs
  for (;;) {
    const held = await holds()
    if (held) return held as Exclude<Awaited<T>, undefined | null | false | 0 | ''>
    if (performance.now() > deadline)
      throw new Error(`timed out after ${timeoutMs} ms waiting for ${what}\n${seen()}`.trimEnd())
    await sleep(POLL_MS)
  }
}
