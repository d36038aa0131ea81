import { Limits } from '../protocol/index.ts'

/** What a value counts for at least: a greeting that has no more bytes than it may has no more values, either. */
const BYTES_PER_VALUE = Math.ceil(Limits.frame_bytes / Limits.greeting_values)

/** What a value takes of a greeting or a status, in bytes of JSON; many small values in it count for more. */
export function weightOf(value: unknown): number {
  return Math.max(Buffer.byteLength(JSON.stringify(value)), valuesIn(value) * BYTES_PER_VALUE)
}

function valuesIn(value: unknown): number {
  if (typeof value !== 'object' || value === null) return 0
  const held = Object.values(value)
  return held.reduce((sum: number, each) => sum + valuesIn(each), Math.max(1, held.length))
}
