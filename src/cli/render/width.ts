/** Characters that take two columns on a terminal: East Asian characters and emoji. */
const WIDE =
  /[\u1100-\u115f\u2329\u232a\u2630-\u2637\u268a-\u268f\u2e80-\u303e\u3041-\u33ff\u3400-\u9fff\ua000-\ua4cf\ua960-\ua97f\uac00-\ud7a3\uf900-\ufaff\ufe10-\ufe19\ufe30-\ufe6f\uff01-\uff60\uffe0-\uffe6\u{16fe0}-\u{18dff}\u{1aff0}-\u{1b2ff}\u{1d300}-\u{1d376}\u{1f200}-\u{1f2ff}\u{20000}-\u{3fffd}]|\p{Emoji_Presentation}/u
/** Characters that take no column. */
const INVISIBLE = /[\p{Mn}\p{Me}\p{Cf}]/u
/** Variation selector that shows the preceding character as an emoji. */
const PICTURE = '\ufe0f'
const JOINER = '\u200d'
const PLAIN = /^[\x20-\x7e]*$/

/** Created when a text first needs it, because creating it takes longer than most commands run. */
let segmenter: Intl.Segmenter | undefined

/** Yields user-perceived characters: letters with their accents, and joined emoji as one. */
function* graphemes(text: string): Generator<string> {
  segmenter ??= new Intl.Segmenter('en', { granularity: 'grapheme' })
  for (const { segment } of segmenter.segment(text)) yield segment
}

const letters = (text: string): string[] => (PLAIN.test(text) ? text.split('') : [...graphemes(text)])

/**
 * Returns the width of a grapheme. Except for joined emoji, adds up the widths of the grapheme's characters,
 * because some terminals draw each character separately.
 */
function letterWidth(letter: string): number {
  if (letter.includes(JOINER)) return 2
  const width = [...letter].reduce((sum, char) => sum + charWidth(char), 0)
  return letter.includes(PICTURE) ? Math.max(2, width) : width
}

const charWidth = (char: string) => (WIDE.test(char) ? 2 : INVISIBLE.test(char) ? 0 : 1)

/** Returns the width of one line of text on a terminal, in columns. */
export const textWidth = (text: string): number =>
  PLAIN.test(text) ? text.length : letters(text).reduce((sum, letter) => sum + letterWidth(letter), 0)

/** Returns the beginning of a text, at most `units` UTF-16 units. The result does not end within a letter. */
export function wholeStart(text: string, units: number): string {
  if (text.length <= units) return text
  // Half a character would look like a separate letter.
  const start = text.slice(0, units).replace(/[\ud800-\udbff]$/, '')
  // The next character may belong to the last letter.
  return PLAIN.test(text.slice(0, units + 1)) ? start : letters(start).slice(0, -1).join('')
}

/** Returns the longest prefix that fits in `max` columns. */
function head(text: string, max: number): string {
  if (PLAIN.test(text)) return text.slice(0, Math.max(0, max))
  let width = 0
  let taken = ''
  for (const letter of letters(text)) {
    width += letterWidth(letter)
    if (width > max) break
    taken += letter
  }
  return taken
}

/**
 * Splits one line of text into rows of at most `columns` on any terminal. Terminals differ in which
 * characters they show as wide, but no terminal uses more than two columns for a character. Expands tabs.
 */
export function rowsOf(line: string, columns: number): string[] {
  const text = line.includes('\t') ? expandTabs(line) : line
  if (text.length <= columns && PLAIN.test(text)) return [text]
  const rows: string[] = []
  let row = ''
  let width = 0
  for (const letter of PLAIN.test(text) ? text : rowLetters(text, columns)) {
    const more = mostWidth(letter)
    if (width + more > columns && row !== '') {
      rows.push(row)
      row = ''
      width = 0
    }
    row += letter
    width += more
  }
  return [...rows, row]
}

/**
 * Yields graphemes. Splits graphemes that are wider than a row into characters: a grapheme has no maximum
 * length.
 */
function* rowLetters(text: string, columns: number): Generator<string> {
  for (const letter of graphemes(text)) {
    if (mostWidth(letter) > columns) yield* letter
    else yield letter
  }
}

const mostWidth = (letter: string) => (PLAIN.test(letter) ? letter.length : 2 * [...letter].length)

const TAB_STOP = 8

function expandTabs(line: string): string {
  let text = ''
  for (const part of line.split('\t')) {
    text += part
    text += ' '.repeat(TAB_STOP - (textWidth(part) % TAB_STOP))
  }
  return text.trimEnd()
}

/** Cuts the end of a line that is wider than `max` columns. */
export const cutEnd = (text: string, max: number): string =>
  textWidth(text) <= max ? text : `${head(text, max - 1)}…`

/** Cuts the middle of a line that is wider than `max` columns. */
function cutMiddle(text: string, max: number): string {
  if (textWidth(text) <= max) return text
  const back = Math.floor((max - 1) / 2)
  const all = letters(text)
  let from = all.length
  for (let width = 0; from > 0; from--) {
    width += letterWidth(all[from - 1] ?? '')
    if (width > back) break
  }
  return `${head(text, max - 1 - back)}…${all.slice(from).join('')}`
}

/** Maximum share of the available width that the last folders of a cut path may take. */
const TAIL = 2 / 3

/**
 * Cuts the middle of a path that is wider than `max` columns. Keeps the beginning and the last folder of the
 * path.
 */
export function cutPath(path: string, max: number): string {
  if (textWidth(path) <= max) return path
  const parts = path.replace(/\/+$/, '').split('/')
  let tail = `/${parts.pop() ?? ''}`
  if (textWidth(tail) >= max) return cutMiddle(tail, max)
  for (let part = parts.pop(); part !== undefined; part = parts.pop()) {
    const longer = `/${part}${tail}`
    if (textWidth(longer) > max * TAIL) break
    tail = longer
  }
  return `${head(path, max - 1 - textWidth(tail))}…${tail}`
}
