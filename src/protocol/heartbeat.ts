import { Limits } from './limits.ts'

/**
 * When to look again whether the other side is there: with the next ping, or sooner if by then it would have been silent
 * for too long. All in ms, on one clock.
 */
export function nextBeat(heard: number, now: number, heartbeatMs: number): number {
  const left = heard + Limits.silence_ms - now
  return left > 0 ? Math.min(left, heartbeatMs) : heartbeatMs
}
