import { Limits } from '../../protocol/index.ts'
import { FREE } from '../../protocol/rules.ts'
import { Scan } from '../../protocol/scan.ts'

/** Around what an agent says, in levels. */
const OUTER = 16
const BOUNDS = { nesting: Limits.nesting + OUTER, values: Number.POSITIVE_INFINITY }

/**
 * Parses what a hub or a daemon answers.
 * @returns undefined for what is no JSON, and for what is nested deeper than anything that they pass on: it could be
 *   neither checked nor shown
 */
export function jsonOf(text: string): unknown {
  const scan = new Scan(Buffer.from(text), BOUNDS)
  scan.value(FREE)
  if (scan.fault) return undefined
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
