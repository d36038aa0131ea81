import { rowsOf } from './width.ts'

/** Text that stands apart: its first row begins with `head`. */
export interface Paragraph {
  head: string
  /** Safe for a terminal. */
  text: string
  /** Whether each line of it begins a row like the first one, as in a script or a plan. */
  verbatim?: boolean
  style?: ((row: string) => string) | undefined
}

/** Begins a row that continues the one above it. */
const CONTINUED = '↳ '
/** The same width, in front of a verbatim line: its text cannot stand where the sign does. */
const BEGUN = '  '
/** The widest letter. */
const LEAST_COLUMNS = 2

/**
 * Lays out paragraphs in rows for a screen of `width` columns. No row of a text looks as if a paragraph began with it: it
 * has a sign in front, or is a verbatim line, which is indented. So no text can pass for what stands around it.
 */
export function lay(paragraphs: Paragraph[], width: number | undefined): string[] {
  return paragraphs.flatMap(({ head, text, verbatim = false, style = (row) => row }) => {
    const columns = width && Math.max(LEAST_COLUMNS, width - head.length - CONTINUED.length)
    const blanks = ' '.repeat(head.length)
    return text.split('\n').flatMap((line, lines) =>
      (columns === undefined ? [line] : rowsOf(line, columns)).map((row, rows) => {
        const gutter = rows > 0 || (lines > 0 && !verbatim) ? CONTINUED : verbatim ? BEGUN : ''
        return style(`${lines + rows === 0 ? head : blanks}${gutter}${row}`)
      }),
    )
  })
}

/** Lays out lines, each of which may be longer than the screen is wide. */
export const layLines = (lines: string[], width: number | undefined): string[] =>
  lay(
    lines.map((text) => ({ head: '  ', text })),
    width,
  )
