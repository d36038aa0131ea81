const UNITS: [seconds: number, unit: Intl.RelativeTimeFormatUnit][] = [
  [86_400, 'day'],
  [3600, 'hour'],
  [60, 'minute'],
]
const format = new Intl.RelativeTimeFormat('en', { numeric: 'auto', style: 'short' })

/**
 * Returns how long ago a time was, or how far away it is, in words.
 * @param time ISO 8601
 * @param now milliseconds since 1970
 * @returns the text itself if it is not a time
 */
export function ago(time: string, now: number): string {
  const then = Date.parse(time)
  if (Number.isNaN(then)) return time
  const seconds = (then - now) / 1000
  for (const [size, unit] of UNITS)
    if (Math.abs(seconds) >= size) return format.format(Math.trunc(seconds / size), unit)
  return seconds > 5 ? 'in less than a minute' : 'just now'
}

/** Returns a size with its unit. */
export function bytes(count: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB']
  let [value, at] = [count, 0]
  for (; value >= 1024 && at < units.length - 1; at++) value /= 1024
  return `${value < 10 && at > 0 ? value.toFixed(1) : Math.round(value)} ${units[at]}`
}
