/** Formats the duration of a turn: `0.8 s`, `2 min 5 s`. */
export function duration(ms: number): string {
  if (ms < 59_950) return `${(ms / 1000).toFixed(1)} s`
  const s = Math.round(ms / 1000)
  return `${Math.floor(s / 60)} min ${s % 60} s`
}

export const dollars = (usd: number) => `$${usd.toFixed(usd < 1 ? 4 : 2)}`
