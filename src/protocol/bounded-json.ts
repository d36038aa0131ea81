import { Limits } from './limits.ts'
import { type Bounds, FREE } from './rules.ts'
import { Scan } from './scan.ts'
import { decodeText } from './tokens.ts'

/**
 * Parses JSON from an untrusted source. The caller has already limited the length of the text. The number of
 * values must be limited, too, because small values take 35 times the memory of their text.
 * @returns undefined if the text is not JSON or exceeds the bounds
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
