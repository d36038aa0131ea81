export type Timer = NodeJS.Timeout

/** Time as the rest of the program sees it, so that tests can be in charge of it. */
export interface Clock {
  /** Wall clock, ms since 1970. May jump. */
  now(): number
  /** Ms since some start. Never jumps; stands still while the machine sleeps. */
  monotonic(): number
  setTimeout(run: () => void, ms: number): Timer
  clearTimeout(timer: Timer): void
}

export const systemClock: Clock = {
  now: Date.now,
  // Not performance.now(): what that loads costs a daemon's start more.
  monotonic: () => process.uptime() * 1000,
  setTimeout: (run, ms) => setTimeout(run, ms),
  clearTimeout: (timer) => clearTimeout(timer),
}

/** Resolves after `ms`, or as soon as `signal` is aborted. */
export const sleep = (ms: number, signal?: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    if (signal?.aborted) return resolve()
    const finish = () => {
      clearTimeout(timer)
      signal?.removeEventListener('abort', finish)
      resolve()
    }
    const timer = setTimeout(finish, ms)
    signal?.addEventListener('abort', finish)
  })

let shownMs = Number.NaN
let shown = ''

/** A time of `Clock.now` as ISO 8601. Cheap where it is asked for many times in a ms. */
export function isoTime(ms: number): string {
  if (ms !== shownMs) {
    shown = new Date(ms).toISOString()
    shownMs = ms
  }
  return shown
}

/** A time that came from elsewhere, in ms since 1970, as ISO 8601; undefined for one that no date can be. */
export function foreignTime(ms: number): string | undefined {
  const date = new Date(ms)
  return Number.isNaN(date.getTime()) ? undefined : date.toISOString()
}
