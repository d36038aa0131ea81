/**
 * Characters that a terminal would obey instead of displaying, including line feeds and tabs, and characters
 * that disguise text: direction marks, and line separators that only some programs know.
 */
export const UNSAFE = /[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/g

const escaped = (char: string) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`

/** Returns text from an outside source on one line, with unsafe characters escaped as in JSON. */
export const visible = (text: string): string =>
  text.replace(UNSAFE, (char) => {
    const short = JSON.stringify(char).slice(1, -1)
    return short === char ? escaped(char) : short
  })

/**
 * Ranges of UTF-16 units that are unsafe, invisible, or for private use, although JSON allows them unescaped
 * in strings. Each pair has the first and last unit of a range, in order. Characters of two units are escaped
 * in groups of 1024 characters that share the first unit. These groups contain music, shorthand, old scripts,
 * tags, selectors, and characters for private use.
 */
const UNSAFE_IN_JSON = [
  0x7f, 0x9f, 0xad, 0xad, 0x34f, 0x34f, 0x61c, 0x61c, 0x115f, 0x1160, 0x17b4, 0x17b5, 0x180b, 0x180f, 0x2000,
  0x200f, 0x2028, 0x202f, 0x205f, 0x206f, 0x2800, 0x2800, 0x3164, 0x3164, 0xd80d, 0xd80d, 0xd81b, 0xd81b,
  0xd82f, 0xd82f, 0xd834, 0xd834, 0xdb40, 0xdbff, 0xe000, 0xf8ff, 0xfdd0, 0xfdef, 0xfe00, 0xfe0f, 0xfeff,
  0xfeff, 0xffa0, 0xffa0, 0xfff0, 0xfffc, 0xfffe, 0xffff,
]
/** Matches every text that can contain units to escape. */
const NOT_ASCII = /[\x7f-\uffff]/

/** Length of an escape such as `\u202e`, in units. */
const ESCAPE_UNITS = 6
/** Number of UTF-16 units to escape at a time. */
const PIECE_UNITS = 16 * 1024
const HEX = Buffer.from('0123456789abcdef')

/** Reports whether a unit is the first of a character's two units. */
const isHead = (unit: number) => unit >= 0xd800 && unit < 0xdc00
const isTail = (unit: number) => unit >= 0xdc00 && unit < 0xe000

/** Yields pieces of a text with about `units` units each, without splitting a character. */
export function* piecesOf(text: string, units: number): Generator<string> {
  for (let at = 0, end = 0; at < text.length; at = end) {
    end = isHead(text.charCodeAt(at + units - 1)) ? at + units + 1 : at + units
    yield text.slice(at, end)
  }
}

/**
 * Returns the same JSON with every unsafe unit escaped. For a text that consists only of unsafe units,
 * `replace` with a function would take seven to eleven times as long, and create several strings per unit.
 */
export function visibleJson(json: string): string {
  if (unsafeUnits(json) === 0) return json
  let text = ''
  for (const piece of piecesOf(json, PIECE_UNITS))
    text += unsafeUnits(piece) > 0 ? escapedPiece(piece) : piece
  return text
}

/** Returns the length of the result of `visibleJson`, in UTF-16 units. */
export const visibleLength = (json: string): number => json.length + unsafeUnits(json) * (ESCAPE_UNITS - 1)

let made: { isUnsafe: Uint8Array; units: Uint16Array; bytes: Buffer } | undefined

/** Creates the tables on first use: most processes never need them. */
function tables() {
  if (made) return made
  const isUnsafe = new Uint8Array(0x10000)
  for (let at = 0; at < UNSAFE_IN_JSON.length; at += 2)
    isUnsafe.fill(1, UNSAFE_IN_JSON[at], UNSAFE_IN_JSON[at + 1]! + 1)
  const units = new Uint16Array((PIECE_UNITS + 1) * ESCAPE_UNITS)
  made = { isUnsafe, units, bytes: Buffer.from(units.buffer) }
  return made
}

function unsafeUnits(text: string): number {
  if (!NOT_ASCII.test(text)) return 0
  const { isUnsafe } = tables()
  let unsafe = 0
  let before = 0
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at)
    unsafe += isTail(code) ? isUnsafe[before]! : isUnsafe[code]!
    before = code
  }
  return unsafe
}

function escapedPiece(piece: string): string {
  const { isUnsafe, units, bytes } = tables()
  let to = 0
  let before = 0
  for (let at = 0; at < piece.length; at++) {
    const code = piece.charCodeAt(at)
    if (isUnsafe[isTail(code) ? before : code]) {
      units[to++] = 0x5c
      units[to++] = 0x75
      for (let shift = 12; shift >= 0; shift -= 4) units[to++] = HEX[(code >> shift) & 15]!
    } else units[to++] = code
    before = code
  }
  return bytes.toString('utf16le', 0, to * 2)
}
