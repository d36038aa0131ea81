import { constants } from 'node:os'

const SIGNALS = ['SIGINT', 'SIGTERM'] as const

/** Returns a signal that aborts at the first SIGINT or SIGTERM, for commands that must clean up. */
export function stopSignal(): AbortSignal {
  const stop = new AbortController()
  for (const signal of SIGNALS) process.once(signal, () => stop.abort(signal))
  return stop.signal
}

/** Returns the exit code of a command that was ended by the signal, as shells define it: 130 for SIGINT. */
export const stopCode = ({ reason }: AbortSignal): number =>
  128 + constants.signals[reason as (typeof SIGNALS)[number]]
