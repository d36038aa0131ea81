import { boundedJson } from '../protocol/bounded-json.ts'
import { Limits } from '../protocol/index.ts'

/** Levels of nesting that an answer adds around an agent's own JSON. */
const OUTER = 16
/**
 * Limits of an answer: levels of nesting, and twice the number of values that a line of an agent can have.
 */
const BOUNDS = { nesting: Limits.nesting + OUTER, values: Limits.line_bytes }

/**
 * Parses an answer of a hub or a daemon.
 * @returns undefined for invalid JSON, and for JSON with too much nesting or too many values to be checked
 *   or shown
 */
export const jsonOf = (text: string): unknown => boundedJson(text, BOUNDS)
