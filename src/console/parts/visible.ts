/**
 * Characters that have no look of their own: marks that change the direction of text, blanks without a width, and
 * tags. Emoji and some scripts need the two joiners and the selectors of a look. A joiner does nothing after an
 * ASCII character.
 */
const HIDDEN =
  /(?!\u200c|\u200d|\ufe0e|\ufe0f)\p{Default_Ignorable_Code_Point}|[\u2028\u2029]|(?<![^\x00-\x7f\u200b-\u200d\u2060\ufeff])(?:\u200c|\u200d)/gu
/** Control characters that are not white space. */
const CONTROL = /[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]/g
const C0_PICTURES = 0x2400
const DELETE_PICTURE = '\u2421'

/**
 * Returns foreign text in a form in which no character is obeyed: control characters become symbols, and
 * characters that are hidden or change the text's direction become their codes. Keeps line feeds and tabs.
 */
export const visible = (text: string): string =>
  text
    .replace(/\r\n?/g, '\n')
    .replace(CONTROL, (char) => {
      const code = char.charCodeAt(0)
      if (code < 0x20) return String.fromCharCode(C0_PICTURES + code)
      return code === 0x7f ? DELETE_PICTURE : '\ufffd'
    })
    .replace(HIDDEN, (char) => `⟨U+${char.codePointAt(0)!.toString(16).toUpperCase().padStart(4, '0')}⟩`)

/** Like `visible`, on one line of at most `most` characters. */
export function visibleLine(text: string, most = 200): string {
  const line = visible(text.slice(0, most * 4))
    .replace(/\s+/g, ' ')
    .trim()
  return line.length > most || text.length > most * 4 ? `${wholeStart(line, most)}…` : line
}

/** Returns the beginning of a text, without half of a character at its end. */
export function wholeStart(text: string, most: number): string {
  const isSplit = /[\ud800-\udbff]/.test(text.charAt(most - 1)) && text.length > most
  return text.slice(0, isSplit ? most - 1 : most)
}
