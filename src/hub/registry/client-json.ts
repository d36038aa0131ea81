import { setImmediate as others } from 'node:timers/promises'
import { piecesOf, visibleJson, visibleLength } from '../../platform/visible-text.ts'

/** Amount of text to convert before yielding to other requests, in UTF-16 units. */
const PIECE_UNITS = 256 * 1024

/** Returns the length of a value as sent to clients, in UTF-16 units. */
export const shownLength = (value: unknown): number => visibleLength(JSON.stringify(value))

/**
 * Separates texts of different machines in the parts of an answer. The text after a seam is not compressed
 * together with the text before the seam. Otherwise, the length of a compressed answer would show whether the
 * text of one machine repeats the text of another.
 */
const SEAM = ''

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
  let machine: unknown
  for (const entry of list) {
    const { machine_id } = entry as { machine_id?: unknown }
    if (machine_id !== machine) yield SEAM
    machine = machine_id
    yield before + JSON.stringify(entry)
    before = ','
  }
  if (machine !== undefined) yield SEAM
  yield before === '[' ? '[]' : ']'
}

const isList = (value: unknown): value is Iterable<unknown> =>
  typeof value === 'object' && value !== null && Symbol.iterator in value

/** Converts text that contains JSON to the form sent to clients. Serves other requests between pieces. */
export const shown = async (parts: Iterable<string>): Promise<Buffer> =>
  Buffer.concat(await shownPieces(parts))

/** Returns the same text as `shown` in pieces. A piece ends at each seam. */
export async function shownPieces(parts: Iterable<string>): Promise<Buffer[]> {
  const pieces: Buffer[] = []
  let [text, units] = ['', 0]
  const end = () => {
    if (text !== '') pieces.push(Buffer.from(visibleJson(text)))
    text = ''
  }
  for (const part of parts) {
    if (part === SEAM) end()
    for (const piece of piecesOf(part, PIECE_UNITS)) {
      text += piece
      units += piece.length
      if (units < PIECE_UNITS) continue
      end()
      units = 0
      await others()
    }
  }
  end()
  return pieces
}
