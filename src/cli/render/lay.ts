import { rowsOf } from './width.ts'

/** Text that stands apart: its first row begins with `head`, each other row with as many blanks. */
export interface Paragraph {
  head: string
  /** Safe for a terminal. */
  text: string
  style?: ((row: string) => string) | undefined
}

/** Narrower screens are left to wrap by themselves. */
const LEAST_COLUMNS = 20

/**
 * Lays out paragraphs in rows. Nothing of a paragraph's text begins where the next one begins, on a screen of `width`
 * columns, so that no text can pass for what stands around it.
 */
export function lay(paragraphs: Paragraph[], width: number | undefined): string[] {
  return paragraphs.flatMap(({ head, text, style = (row) => row }) => {
    const columns = width === undefined ? undefined : Math.max(LEAST_COLUMNS, width - head.length)
    const rows = text.split('\n').flatMap((line) => (columns === undefined ? [line] : rowsOf(line, columns)))
    return rows.map((row, index) => style(`${index === 0 ? head : ' '.repeat(head.length)}${row}`))
  })
}
