import { boundedJson } from '../../protocol/bounded-json.ts'
import { Limits } from '../../protocol/index.ts'

/** Around what an agent says, in levels. */
const OUTER = 16
/** As many values as two of an agent's lines can have. */
const BOUNDS = { nesting: Limits.nesting + OUTER, values: Limits.line_bytes }

/**
 * Parses what a hub or a daemon answers.
 * @returns undefined for what is no JSON, and for what is nested deeper than anything that they pass on, or has more in
 *   it than this process has memory for: it could be neither checked nor shown
 */
export const jsonOf = (text: string): unknown => boundedJson(text, BOUNDS)
