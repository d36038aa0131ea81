/** Bytes of JSON's structural characters. */
export const BYTE = {
  quote: 0x22,
  backslash: 0x5c,
  comma: 0x2c,
  colon: 0x3a,
  openBracket: 0x5b,
  closeBracket: 0x5d,
  openBrace: 0x7b,
  closeBrace: 0x7d,
} as const

/**
 * Number of bytes at the start of a string that are checked one by one. After that, the next quote is
 * searched for.
 */
const STEP = 64

/**
 * Returns the position of the next byte that is not white space. Invalid white space is not detected here,
 * because the parser detects it.
 */
export function skipSpace(bytes: Uint8Array, start: number): number {
  let at = start
  while (at < bytes.length && bytes[at]! <= 0x20) at++
  return at
}

/** Returns the position after the string that starts at `start`; 0 if the string does not end. */
export function skipString(bytes: Uint8Array, start: number): number {
  for (let at = start + 1; at < bytes.length; ) {
    const stop = Math.min(at + STEP, bytes.length)
    let escapes = 0
    while (at < stop) {
      const byte = bytes[at++]
      if (byte === BYTE.quote) return at
      if (byte === BYTE.backslash) {
        at++
        escapes++
      }
    }
    // After an escape, the next quote is probably also escaped, so a search would be slower.
    if (escapes > 0) continue
    const quote = bytes.indexOf(BYTE.quote, at)
    if (quote === -1) return 0
    let before = quote
    while (before > at && bytes[before - 1] === BYTE.backslash) before--
    // After an odd number of backslashes, the quote belongs to the string.
    at = quote + 1
    if ((quote - before) % 2 === 0) return at
  }
  return 0
}

/** Returns the position after the number or word that starts at `start`. */
export function skipScalar(bytes: Uint8Array, start: number): number {
  let at = start
  for (; at < bytes.length; at++) {
    const byte = bytes[at]!
    if (byte === BYTE.comma || byte === BYTE.closeBrace || byte === BYTE.closeBracket || byte <= 0x20) break
  }
  return at
}

/** Returns the position after the object or array that starts at `start`; undefined if it does not end. */
export function skipContainer(bytes: Uint8Array, start: number): number | undefined {
  let depth = 0
  for (let at = start; at < bytes.length; at++) {
    const byte = bytes[at]!
    if (byte === BYTE.quote) {
      const end = skipString(bytes, at)
      if (end === 0) return undefined
      at = end - 1
    } else if (byte === BYTE.openBracket || byte === BYTE.openBrace) depth++
    else if (byte === BYTE.closeBracket || byte === BYTE.closeBrace) if (--depth === 0) return at + 1
  }
  return undefined
}

/** Reports whether the string with the contents `[from, to)` has more than `max` UTF-16 units. */
export function isLonger(bytes: Uint8Array, from: number, to: number, max: number): boolean {
  let units = 0
  for (let at = from; at < to && units <= max; at++) {
    const byte = bytes[at]!
    if (byte === BYTE.backslash) at += bytes[at + 1] === 0x75 ? 5 : 1
    // A continuation byte counts as no unit, and a character of four bytes counts as two units.
    if ((byte & 0xc0) !== 0x80) units += byte >= 0xf0 ? 2 : 1
  }
  return units > max
}

const decoder = new TextDecoder('utf-8', { ignoreBOM: true })
export const decodeText = (bytes: Uint8Array) => decoder.decode(bytes)

/** Returns the value in bytes `[from, to)`; undefined if these bytes are not JSON. */
export function jsonOf(bytes: Uint8Array, from: number, to: number): unknown {
  try {
    return JSON.parse(decodeText(bytes.subarray(from, to)))
  } catch {
    return undefined
  }
}

/**
 * Returns the string in bytes `[from, to)`, which include its quotes; undefined if these bytes are not a JSON
 * string.
 */
export function textOf(bytes: Uint8Array, from: number, to: number): string | undefined {
  const value = jsonOf(bytes, from, to)
  return typeof value === 'string' ? value : undefined
}
