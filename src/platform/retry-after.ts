/** Parses HTTP's `Retry-After`, a number of seconds or a date. @returns seconds, or undefined if it is neither */
export function retryAfterS(header: string | undefined, now: number): number | undefined {
  const text = header?.trim() ?? ''
  if (/^\d{1,9}$/.test(text)) return Number(text)
  const at = /^[A-Z][a-z]{2}, /.test(text) ? Date.parse(text) : Number.NaN
  return Number.isNaN(at) ? undefined : (at - now) / 1000
}

/** Minimum and maximum pause before a repeated request, in ms. */
export interface PauseLimits {
  least: number
  most: number
}

/** Returns the pause that a `Retry-After` header requests, within the limits above, in ms. */
export const pauseMs = (header: string | undefined, { least, most }: PauseLimits, now: number): number =>
  Math.min(Math.max((retryAfterS(header, now) ?? 0) * 1000, least), most)
