import { Limits } from './limits.ts'

/**
 * Returns the delay until the next check for silence, in ms. The delay is the ping interval, or less if the
 * other side would exceed the silence limit within that interval. `heard` and `now` are times from the same
 * clock, in ms.
 */
export function nextBeat(heard: number, now: number, heartbeatMs: number): number {
  const left = heard + Limits.silence_ms - now
  return left > 0 ? Math.min(left, heartbeatMs) : heartbeatMs
}
