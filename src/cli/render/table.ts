import { cutEnd, cutPath, textWidth } from './width.ts'

export interface Column {
  title: string
  cells: string[]
  /** Part of a cell that may be cut. Cells without such a part are never cut. */
  cut?: 'end' | 'path'
  /** Minimum width, in columns. This column becomes narrower only if no other column can be left out. */
  least?: number
  /**
   * If there is not enough room, columns with the lowest rank are left out first. A column without a rank
   * stays.
   */
  leftOut?: number
}

const GAP = '  '
/** Minimum width of a cut column, in columns. */
const MINIMUM = 6

interface Sized extends Column {
  width: number
}

/**
 * Formats columns of text, two spaces apart. Does not pad the last column.
 * @param max width of the terminal in columns; undefined if stdout is not a terminal: then nothing is cut
 */
export function table(columns: Column[], max: number | undefined): string[] {
  const shown = fit(
    columns.map((column) => ({
      ...column,
      width: column.cells.reduce((most, cell) => Math.max(most, textWidth(cell)), textWidth(column.title)),
    })),
    max ?? Number.POSITIVE_INFINITY,
  )
  const line = (cell: (column: Sized) => string) =>
    shown
      .map((column) => {
        const text = (column.cut === 'path' ? cutPath : cutEnd)(cell(column), column.width)
        return text + ' '.repeat(column.width - textWidth(text))
      })
      .join(GAP)
      .trimEnd()
  const count = columns[0]?.cells.length ?? 0
  return [
    line(({ title }) => title),
    ...Array.from({ length: count }, (_, row) => line(({ cells }) => cells[row] ?? '')),
  ]
}

/** Cuts columns to their minimum widths, then leaves columns out, then cuts further. */
function fit(columns: Sized[], max: number): Sized[] {
  let shown = columns
  for (;;) {
    const cut = shrink(shown, max, ({ least }) => least ?? MINIMUM)
    if (cut) return cut
    const next = shown
      .filter(({ leftOut }) => leftOut !== undefined)
      .sort((a, b) => (a.leftOut ?? 0) - (b.leftOut ?? 0))[0]
    if (!next) return shrink(shown, max, () => MINIMUM) ?? shrink(shown, 0, () => MINIMUM, true) ?? shown
    shown = shown.filter((column) => column !== next)
  }
}

/**
 * Narrows the widest columns until all fit.
 * @returns undefined if the columns cannot fit and `anyway` is false
 */
function shrink(columns: Sized[], max: number, least: (column: Sized) => number, anyway = false) {
  const cut = columns.map((column) => ({ ...column }))
  for (;;) {
    const total = cut.reduce((sum, { width }) => sum + width + GAP.length, -GAP.length)
    if (total <= max) return cut
    const widest = cut
      .filter((column) => column.cut !== undefined && column.width > least(column))
      .sort((a, b) => b.width - a.width)[0]
    if (!widest) return anyway ? cut : undefined
    widest.width--
  }
}
