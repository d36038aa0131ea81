import { UNSAFE } from '../../platform/visible.ts'
import { cutEnd } from './width.ts'

const C0_PICTURES = 0x2400
const DELETE_PICTURE = '\u2421'

/**
 * Text from an agent, a server or a file, made safe for a terminal: control characters become visible signs, so that
 * no sequence can move the cursor, change the title or write to the clipboard. Line feeds and tabs stay.
 */
export const clean = (text: string): string =>
  text.replace(/\r\n/g, '\n').replace(UNSAFE, (char) => {
    if (char === '\n' || char === '\t') return char
    const code = char.charCodeAt(0)
    if (code < 0x20) return String.fromCharCode(C0_PICTURES + code)
    return code === 0x7f ? DELETE_PICTURE : '\ufffd'
  })

/** The same on one line: line feeds and runs of blanks become one blank; cut off at `max` columns of a terminal. */
export function cleanLine(text: string, max = Number.POSITIVE_INFINITY): string {
  // Cut first, roughly: a tool's input may be megabytes.
  const isCut = text.length > max * 4
  const line = clean(isCut ? text.slice(0, max * 4) : text)
    .replace(/[ \t\n]+/g, ' ')
    .trim()
  return cutEnd(isCut ? `${line} …` : line, max)
}
