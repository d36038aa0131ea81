import { setImmediate as others } from 'node:timers/promises'
import { piecesOf, visibleJson, visibleLength } from '../../platform/visible-text.ts'

/** Amount of text to convert before yielding to other requests, in UTF-16 units. */
const PIECE_UNITS = 256 * 1024

/** Returns the length of a value as sent to clients, in UTF-16 units. */
export const shownLength = (value: unknown): number => visibleLength(JSON.stringify(value))

/**
 * Yields an object as JSON. Yields its lists entry by entry, because a whole list may exceed the maximum
 * length of a string.
 */
export function* jsonParts(object: Record<string, unknown>): Iterable<string> {
  let before = '{'
  for (const [key, value] of Object.entries(object)) {
    if (value === undefined) continue
    yield `${before}${JSON.stringify(key)}:`
    before = ','
    if (isList(value)) yield* listParts(value)
    else yield JSON.stringify(value)
  }
  yield before === '{' ? '{}' : '}'
}

function* listParts(list: Iterable<unknown>) {
  let before = '['
  for (const entry of list) {
    yield before + JSON.stringify(entry)
    before = ','
  }
  yield before === '[' ? '[]' : ']'
}

const isList = (value: unknown): value is Iterable<unknown> =>
  typeof value === 'object' && value !== null && Symbol.iterator in value

/** Converts text that contains JSON to the form sent to clients. Serves other requests between pieces. */
export async function shown(parts: Iterable<string>): Promise<Buffer> {
  const pieces: Buffer[] = []
  let units = 0
  for (const part of parts)
    for (const piece of piecesOf(part, PIECE_UNITS)) {
      pieces.push(Buffer.from(visibleJson(piece)))
      units += piece.length
      if (units < PIECE_UNITS) continue
      units = 0
      await others()
    }
  return Buffer.concat(pieces)
}
