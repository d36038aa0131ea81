import { rowsOf } from './width.ts'

/** A paragraph, whose first row begins with `head`. */
export interface Paragraph {
  head: string
  /** Safe for a terminal. */
  text: string
  /** True if line breaks are kept, as in a script or a plan. */
  verbatim?: boolean
  /** True if `head` ends with a sign, which further rows replace with the sign of a continued row. */
  signed?: boolean
  style?: ((row: string) => string) | undefined
}

/** Prefix of a row that continues the row above it. */
const CONTINUED = '↳ '
/**
 * Prefix of a verbatim line. It is as wide as `CONTINUED`, so that the text of the line cannot imitate
 * `CONTINUED`.
 */
const BEGUN = '  '
/** Minimum width, in columns: the width of the widest character. */
const LEAST_COLUMNS = 2

/**
 * Lays out paragraphs in rows for a terminal of `width` columns. Every row after the first begins with a sign
 * or an indent, so that foreign text cannot imitate a new paragraph.
 */
export function layOut(paragraphs: Paragraph[], width: number | undefined): string[] {
  return paragraphs.flatMap(({ head, text, verbatim = false, signed = false, style = (row) => row }) => {
    const taken = signed ? head.length : head.length + CONTINUED.length
    const columns = width && Math.max(LEAST_COLUMNS, width - taken)
    const blanks = ' '.repeat(taken - CONTINUED.length)
    return text.split('\n').flatMap((line, lines) =>
      (columns === undefined ? [line] : rowsOf(line, columns)).map((row, rows) => {
        const gutter = rows > 0 || (lines > 0 && !verbatim) ? CONTINUED : verbatim ? BEGUN : ''
        return style(`${lines + rows === 0 ? head : blanks}${gutter}${row}`)
      }),
    )
  })
}

/** Lays out lines that may be wider than the terminal. */
export const layLines = (lines: string[], width: number | undefined): string[] =>
  layOut(
    lines.map((text) => ({ head: '  ', text })),
    width,
  )
