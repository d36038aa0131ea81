import { Limits } from './limits.ts'
import { type Bounds, FREE } from './rules.ts'
import { Scan } from './scan.ts'
import { decodeText } from './tokens.ts'

/**
 * Parses JSON from elsewhere, once its length is known to be bounded: parsed, small values take 35 times their text.
 * @returns undefined for what is no JSON or beyond the bounds
 */
export function boundedJson(
  source: string | Uint8Array,
  bounds: Bounds = { nesting: Limits.nesting, values: Limits.values },
): unknown {
  const bytes = typeof source === 'string' ? new TextEncoder().encode(source) : source
  const scan = new Scan(bytes, bounds)
  scan.value(FREE)
  if (scan.fault) return undefined
  try {
    return JSON.parse(typeof source === 'string' ? source : decodeText(bytes))
  } catch {
    return undefined
  }
}
