import { signal } from '@preact/signals'

/** Interval at which relative times are drawn again, in milliseconds. */
const TICK_MS = 30_000

/** The current time, in milliseconds since 1970, for texts such as "5 minutes ago". */
export const now = signal(Date.now())
setInterval(() => {
  now.value = Date.now()
}, TICK_MS)
