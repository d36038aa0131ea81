import { boundedJson } from '../protocol/bounded-json.ts'
import { Limits } from '../protocol/limits.ts'

/** Number of nesting levels that an answer can have around the JSON of an agent. */
const OUTER = 16
/** Maximum nesting of an answer, and maximum number of values in it: twice the number for an agent's line. */
const BOUNDS = { nesting: Limits.nesting + OUTER, values: Limits.line_bytes }

/**
 * Parses an answer of a hub or a daemon.
 * @returns undefined if the text is invalid JSON, is nested too deeply, or has too many values
 */
export const jsonOf = (text: string): unknown => boundedJson(text, BOUNDS)
