import { constants } from 'node:os'

const SIGNALS = ['SIGINT', 'SIGTERM'] as const

/** Aborts at the first signal that asks this program to end: for a command that has something to clean up. */
export function stopSignal(): AbortSignal {
  const stop = new AbortController()
  for (const signal of SIGNALS) process.once(signal, () => stop.abort(signal))
  return stop.signal
}

/** Exit code of a command that such a signal has ended, as shells have it: 130 for SIGINT. */
export const stopCode = ({ reason }: AbortSignal): number =>
  128 + constants.signals[reason as (typeof SIGNALS)[number]]
