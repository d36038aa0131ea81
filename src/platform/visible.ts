/**
 * What a terminal would obey instead of showing, line feeds and tabs included; and what makes text look like other text:
 * marks that turn its direction around, and separators of lines that only some programs know.
 */
export const UNSAFE = /[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/g

const escaped = (char: string) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`

/** Text from elsewhere on one line: what is unsafe in it is written as JSON can write it. */
export const visible = (text: string): string =>
  text.replace(UNSAFE, (char) => {
    const short = JSON.stringify(char).slice(1, -1)
    return short === char ? escaped(char) : short
  })

/** What JSON lets stand in its strings unescaped, of all that is unsafe. */
const UNSAFE_IN_JSON = /[\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/

/** Units of an escape, such as `\u202e`. */
const ESCAPE_UNITS = 6
/** UTF-16 units that are escaped at a time. */
const PIECE_UNITS = 16 * 1024
const HEX = Buffer.from('0123456789abcdef')

/**
 * The same JSON, with everything unsafe in it escaped. Where all of it is unsafe, `replace` with a function would take
 * seven to eleven times as long, and make several strings for each unit.
 */
export function visibleJson(json: string): string {
  if (!UNSAFE_IN_JSON.test(json)) return json
  let text = ''
  for (let at = 0; at < json.length; at += PIECE_UNITS) {
    const piece = json.slice(at, at + PIECE_UNITS)
    text += UNSAFE_IN_JSON.test(piece) ? escapedPiece(piece) : piece
  }
  return text
}

/** The length of `visibleJson`, in UTF-16 units. */
export function visibleLength(json: string): number {
  if (!UNSAFE_IN_JSON.test(json)) return json.length
  const { isUnsafe } = tables()
  let unsafe = 0
  for (let at = 0; at < json.length; at++) unsafe += isUnsafe[json.charCodeAt(at)]!
  return json.length + unsafe * (ESCAPE_UNITS - 1)
}

let made: { isUnsafe: Uint8Array; units: Uint16Array; bytes: Buffer } | undefined

/** Made when they are first needed: most programs never do. */
function tables() {
  if (made) return made
  const isUnsafe = Uint8Array.from({ length: 0x10000 }, (_, code) =>
    Number(UNSAFE_IN_JSON.test(String.fromCharCode(code))),
  )
  const units = new Uint16Array(PIECE_UNITS * ESCAPE_UNITS)
  made = { isUnsafe, units, bytes: Buffer.from(units.buffer) }
  return made
}

function escapedPiece(piece: string): string {
  const { isUnsafe, units, bytes } = tables()
  let to = 0
  for (let at = 0; at < piece.length; at++) {
    const code = piece.charCodeAt(at)
    if (isUnsafe[code]) {
      units[to++] = 0x5c
      units[to++] = 0x75
      for (let shift = 12; shift >= 0; shift -= 4) units[to++] = HEX[(code >> shift) & 15]!
    } else units[to++] = code
  }
  return bytes.toString('utf16le', 0, to * 2)
}
