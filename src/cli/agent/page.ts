import { stdoutRows, stdoutWidth, write } from '../terminal.ts'

export type Ask = (prompt: string) => Promise<string>

/** Rows that are left for the line that the text follows, and for the cursor behind the question. */
const OTHER_ROWS = 2
/** The longest of the questions that follow a text, in columns. */
const QUESTION_COLUMNS = 64
/** A lower screen scrolls by itself. */
const LEAST_ROWS = 5

/**
 * Writes text in rows, one screen after the other where they are more than one; all of it once more where the screen is
 * as wide no longer: it would break the rows by itself, and begin its own with anything.
 * @param textFor the text for a screen of so many columns
 * @param ends whether what was typed between two screens ends it
 * @returns what was typed then; undefined when all was written
 */
export async function page(
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

/** Rows of text that the screen holds beside a question; all, where its height is not known. */
export const screenRows = () => {
  const rows = stdoutRows()
  if (rows === undefined) return Number.POSITIVE_INFINITY
  const questionRows = Math.ceil(QUESTION_COLUMNS / (stdoutWidth() ?? QUESTION_COLUMNS))
  return Math.max(LEAST_ROWS, rows - OTHER_ROWS - questionRows)
}
