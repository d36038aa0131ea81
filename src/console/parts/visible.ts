/** Characters that change the direction of text around them. */
const DIRECTION = /[\u202a-\u202e\u2066-\u2069]/g
/** Control characters that are not white space. */
const CONTROL = /[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]/g
const C0_PICTURES = 0x2400
const DELETE_PICTURE = '\u2421'

/**
 * Returns foreign text in a form in which no character is obeyed: control characters become symbols, and
 * characters that change the text's direction become their codes. Keeps line feeds and tabs.
 */
export const visible = (text: string): string =>
  text
    .replace(/\r\n?/g, '\n')
    .replace(CONTROL, (char) => {
      const code = char.charCodeAt(0)
      if (code < 0x20) return String.fromCharCode(C0_PICTURES + code)
      return code === 0x7f ? DELETE_PICTURE : '\ufffd'
    })
    .replace(DIRECTION, (char) => `⟨U+${char.charCodeAt(0).toString(16).toUpperCase()}⟩`)

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
