import { setTimeout as sleep } from 'node:timers/promises'

/** Long enough for a machine under load; what is awaited takes a fraction of it. An emulated processor needs more patience. */
const DEADLINE_MS = 60_000 * Number(process.env.TEST_PATIENCE ?? 1)
const POLL_MS = 10

/**
 * Waits until `holds` gives something truthy, and gives that back.
 * @param options.seen tells what there is instead, such as the text of a log
 * @throws Error naming `what` when it did not in time
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
      throw new Error(`${what} did not come about within ${timeoutMs} ms\n${seen()}`.trimEnd())
    await sleep(POLL_MS)
  }
}
