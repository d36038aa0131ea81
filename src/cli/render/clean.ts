import { UNSAFE } from '../../platform/visible-text.ts'
import { cutEnd, wholeStart } from './width.ts'

const C0_PICTURES = 0x2400
const DELETE_PICTURE = '\u2421'

/**
 * Makes foreign text safe for a terminal. Control characters become visible symbols, so that no escape
 * sequence can move the cursor, change the title, or write to the clipboard. Keeps line feeds and tabs.
 */
export const clean = (text: string): string =>
  text.replace(/\r\n/g, '\n').replace(UNSAFE, (char) => {
    if (char === '\n' || char === '\t') return char
    const code = char.charCodeAt(0)
    if (code < 0x20) return String.fromCharCode(C0_PICTURES + code)
    return code === 0x7f ? DELETE_PICTURE : '\ufffd'
  })

/** Like `clean`, on one line of at most `max` columns. Replaces each run of white space with one space. */
export function cleanLine(text: string, max = Number.POSITIVE_INFINITY): string {
  // First cut the text roughly, for speed: a tool's input may be megabytes long.
  const isCut = text.length > max * 4
  const line = clean(wholeStart(text, max * 4))
    .replace(/[ \t\n]+/g, ' ')
    .trim()
  return cutEnd(isCut ? `${line} …` : line, max)
}
