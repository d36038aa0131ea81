import { Limits } from '../../protocol/index.ts'

/**
 * Minimum weight of a JSON value, in bytes. With this minimum, every greeting within its limit in bytes is
 * also within its limit on the number of values.
 */
const BYTES_PER_VALUE = Math.ceil(Limits.frame_bytes / Limits.greeting_values)

/**
 * Returns the weight of a value in a greeting or status, in bytes: the size of its JSON, or more if it
 * contains many small values.
 */
export function weightOf(value: unknown): number {
  return Math.max(Buffer.byteLength(JSON.stringify(value)), valuesIn(value) * BYTES_PER_VALUE)
}

function valuesIn(value: unknown): number {
  if (typeof value !== 'object' || value === null) return 0
  const held = Object.values(value)
  return held.reduce((sum: number, each) => sum + valuesIn(each), Math.max(1, held.length))
}
