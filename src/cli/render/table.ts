import { cutEnd, cutPath, textWidth } from './width.ts'

export interface Column {
  title: string
  cells: string[]
  /** Where its cells may be cut; without this they never are. */
  cut?: 'end' | 'path'
  /** Minimum width while other columns can still be left out. */
  least?: number
  /** Its turn to be left out where there is no room for all columns, lowest first; without this it always stays. */
  leftOut?: number
}

const GAP = '  '
/** Minimum width of a column that is cut. */
const MINIMUM = 6

interface Sized extends Column {
  width: number
}

/**
 * Columns of text, two blanks apart. The last column is not padded.
 * @param max columns of the terminal; undefined where the output is no screen: then nothing is cut
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

/** Cuts columns to what they keep, then leaves columns out, then cuts further. */
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

/** Takes from the widest until all fit. @returns undefined where they do not, unless `anyway` */
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
