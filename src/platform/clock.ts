export type Timer = NodeJS.Timeout

/** The program's source of time, which tests can control. */
export interface Clock {
  /** Wall clock, in ms since 1970. May jump. */
  now(): number
  /**
   * Milliseconds since an arbitrary start. This time never jumps. On Linux, it does not advance while the
   * machine sleeps; on macOS, it does.
   */
  monotonic(): number
  setTimeout(run: () => void, ms: number): Timer
  clearTimeout(timer: Timer): void
}

export const systemClock: Clock = {
  now: Date.now,
  // Do not use performance.now(): loading it would slow down a daemon's start.
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

/** Returns a time of `Clock.now` as ISO 8601. Fast even for many calls within the same millisecond. */
export function isoTime(ms: number): string {
  if (ms !== shownMs) {
    shown = new Date(ms).toISOString()
    shownMs = ms
  }
  return shown
}

/**
 * Returns a time from an outside source, in ms since 1970, as ISO 8601; undefined if the time is out of
 * range.
 */
export function foreignTime(ms: number): string | undefined {
  const date = new Date(ms)
  return Number.isNaN(date.getTime()) ? undefined : date.toISOString()
}
