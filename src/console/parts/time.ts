import { signal } from '@preact/signals'

/** Interval at which relative times are drawn again, in milliseconds. */
const TICK_MS = 30_000

const ticks = signal(0)
setInterval(() => {
  ticks.value++
}, TICK_MS)

/**
 * The current time, in milliseconds since 1970, for texts such as "5 minutes ago". A component that reads it is drawn
 * again regularly.
 */
export const now = {
  get value(): number {
    void ticks.value
    return Date.now()
  },
}
