import { BYTE, jsonOf, skipContainer, skipScalar, skipSpace, skipString, textOf } from './tokens.ts'

/** Maximum length of a key or value that is read, in bytes. The requested fields are shorter. */
const VALUE_BYTES = 1024

/**
 * Reads a few short fields of the object that starts at `start`, without parsing its other fields. Returns
 * the first field with each name. Stops when it has found all requested fields, or at text that is not JSON.
 */
export function readHead(bytes: Uint8Array, wanted: readonly string[], start = 0): Map<string, unknown> {
  const found = new Map<string, unknown>()
  let at = start
  const next = () => {
    at = skipSpace(bytes, at)
    return bytes[at]
  }
  if (next() !== BYTE.openBrace) return found
  at++
  while (found.size < wanted.length && next() === BYTE.quote) {
    const keyEnd = skipString(bytes, at)
    if (keyEnd === 0) break
    const key = keyEnd - at > VALUE_BYTES ? undefined : textOf(bytes, at, keyEnd)
    at = keyEnd
    if (next() !== BYTE.colon) break
    at++
    const first = next()
    const isOpen = first === BYTE.openBrace || first === BYTE.openBracket
    const end = isOpen
      ? skipContainer(bytes, at)
      : first === BYTE.quote
        ? skipString(bytes, at)
        : skipScalar(bytes, at)
    if (!end) break
    if (end - at <= VALUE_BYTES && key !== undefined && wanted.includes(key) && !found.has(key))
      found.set(key, jsonOf(bytes, at, end))
    at = end
    if (next() !== BYTE.comma) break
    at++
  }
  return found
}
