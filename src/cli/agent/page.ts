import { stdoutRows, write } from '../terminal.ts'

export type Ask = (prompt: string) => Promise<string>

/** Rows that are left for the question, and for the line that it follows. */
const OTHER_ROWS = 3
/** A lower screen scrolls by itself. */
const LEAST_ROWS = 5

/**
 * Writes rows of text, one screen after the other where they are more than one.
 * @param ends whether what was typed between two screens ends it
 * @returns what was typed then; undefined when all was written
 */
export async function page(
  text: string,
  ask: Ask,
  ends: (typed: string) => boolean,
): Promise<string | undefined> {
  const rows = text.split('\n')
  const screen = screenRows()
  for (let from = 0; ; from += screen) {
    const to = from + screen
    write(`${rows.slice(from, to).join('\n')}\n`)
    if (to >= rows.length) return undefined
    const typed = await ask(`  (lines 1 to ${to} of ${rows.length}) Enter for more, n to refuse> `)
    if (ends(typed)) return typed
  }
}

/** Rows of text that the screen holds beside a question; all, where its height is not known. */
export const screenRows = () => {
  const rows = stdoutRows()
  return rows === undefined ? Number.POSITIVE_INFINITY : Math.max(LEAST_ROWS, rows - OTHER_ROWS)
}
