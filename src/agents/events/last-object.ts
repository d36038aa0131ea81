const QUOTE = 0x22
const BACKSLASH = 0x5c

/**
 * Returns the start of the object that ends with the last character of `text`; undefined if there is none.
 * Reads each character once, backward, because only one opening brace can match the last brace.
 */
export function lastObject(text: string): number | undefined {
  if (!text.endsWith('}')) return undefined
  let depth = 0
  for (let at = text.length - 1; at >= 0; at--) {
    switch (text.charCodeAt(at)) {
      case QUOTE:
        at = stringStart(text, at)
        break
      case 0x7d:
      case 0x5d:
        depth++
        break
      case 0x7b:
      case 0x5b:
        if (--depth === 0) return text.charCodeAt(at) === 0x7b ? at : undefined
    }
  }
  return undefined
}

/** Returns the offset of the opening quote of the string that ends at `end`, or -1. */
function stringStart(text: string, end: number): number {
  for (let at = end; ; ) {
    at = at > 0 ? text.lastIndexOf('"', at - 1) : -1
    if (at === -1) return -1
    let before = at
    while (before > 0 && text.charCodeAt(before - 1) === BACKSLASH) before--
    // After an odd number of backslashes, the quote is escaped and belongs to the string.
    if ((at - before) % 2 === 0) return at
    at = before
  }
}
