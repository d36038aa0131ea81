import { stdoutRows, stdoutWidth, write } from '../terminal.ts'

export type Ask = (prompt: string) => Promise<string>

/** Rows reserved for the line above the text, and for the cursor after the question. */
const OTHER_ROWS = 2
/** Width of the longest question after a text, in columns. */
const QUESTION_COLUMNS = 64
/** Minimum number of rows to use. A smaller terminal scrolls. */
const LEAST_ROWS = 5

/**
 * Writes text one screen at a time. Starts over if the width of the terminal changes: otherwise, the terminal
 * would wrap the rows, and text of the agent could appear at the beginning of a row.
 * @param textFor returns the text for a width in columns
 * @param ends reports whether input typed between two screens ends the output
 * @returns the input that ended the text; undefined if all was written
 */
export async function showPages(
  textFor: (width: number | undefined) => string,
  ask: Ask,
  ends: (typed: string) => boolean,
): Promise<string | undefined> {
  let width = stdoutWidth()
  let rows = textFor(width).split('\n')
  for (let from = 0; ; ) {
    const to = from + screenRows()
    write(`${rows.slice(from, to).join('\n')}\n`)
    if (to >= rows.length) return undefined
    const typed = await ask(`(lines 1 to ${to} of ${rows.length}) Enter for more, n to refuse> `)
    if (ends(typed)) return typed
    from = to
    if (stdoutWidth() === width) continue
    from = 0
    width = stdoutWidth()
    rows = textFor(width).split('\n')
  }
}

/**
 * Returns the number of text rows that fit on the screen above a question; infinite if its
 * height is unknown.
 */
export const screenRows = () => {
  const rows = stdoutRows()
  if (rows === undefined) return Number.POSITIVE_INFINITY
  const questionRows = Math.ceil(QUESTION_COLUMNS / (stdoutWidth() ?? QUESTION_COLUMNS))
  return Math.max(LEAST_ROWS, rows - OTHER_ROWS - questionRows)
}
