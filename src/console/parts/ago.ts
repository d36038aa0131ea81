/** Units, with their texts for one and for several. */
const UNITS: [seconds: number, one: string, several: string][] = [
  [86_400, 'day', 'days'],
  [3600, 'hr.', 'hr.'],
  [60, 'min.', 'min.'],
]

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
  for (const [size, one, several] of UNITS) {
    const count = Math.trunc(seconds / size)
    if (count === 0) continue
    // A formatter of the browser takes longer to create than the whole first page to draw.
    if (size === 86_400 && Math.abs(count) === 1) return count > 0 ? 'tomorrow' : 'yesterday'
    const text = `${Math.abs(count)} ${Math.abs(count) === 1 ? one : several}`
    return count > 0 ? `in ${text}` : `${text} ago`
  }
  return seconds > 5 ? 'in less than a minute' : 'just now'
}

/** Returns a size with its unit. */
export function bytes(count: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB']
  let [value, at] = [count, 0]
  for (; value >= 1024 && at < units.length - 1; at++) value /= 1024
  return `${value < 10 && at > 0 ? value.toFixed(1) : Math.round(value)} ${units[at]}`
}
