import { Limits } from '../../protocol/index.ts'

/** Minimum weight of a value, in bytes, so that a greeting within its size limit is also within its limit on values. */
const BYTES_PER_VALUE = Math.ceil(Limits.frame_bytes / Limits.greeting_values)

/** Returns a value's share of a greeting or status, in bytes of JSON. Many small values in it count for more. */
export function weightOf(value: unknown): number {
  return Math.max(Buffer.byteLength(JSON.stringify(value)), valuesIn(value) * BYTES_PER_VALUE)
}

function valuesIn(value: unknown): number {
  if (typeof value !== 'object' || value === null) return 0
  const held = Object.values(value)
  return held.reduce((sum: number, each) => sum + valuesIn(each), Math.max(1, held.length))
}
