import { setImmediate as others } from 'node:timers/promises'
import { piecesOf, visibleJson, visibleLength } from '../platform/visible.ts'

/** What is made before other requests are served, in UTF-16 units. */
const PIECE_UNITS = 256 * 1024

/** Length of a value as clients are sent it, in UTF-16 units. */
export const shownLength = (value: unknown): number => visibleLength(JSON.stringify(value))

/** An object in JSON, with its lists entry by entry: all of one may be more than a string can hold. */
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

/** Text with JSON in it, as clients are sent it. Other requests are served between its pieces. */
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
