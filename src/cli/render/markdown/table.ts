import type { Token, Tokens } from 'marked'
import type { Colors } from '../ansi.ts'
import { textWidth } from '../width.ts'
import { Rows } from './rows.ts'
import { type Lexing, type Span, spansOf } from './spans.ts'

/** Space between two columns. */
const GAP = '  '
/** Minimum width of a column that is narrower than its text. */
const LEAST = 6

interface Cell {
  spans: Span[]
  width: number
}

/**
 * Draws a table with aligned columns; undefined if the text is no table, or the table does not fit.
 * @param source complete lines
 */
export function tableRows(
  lexing: Lexing,
  source: string,
  colors: Colors,
  width: number,
): string[] | undefined {
  const [table] = read(lexing, source)
  if (table?.type !== 'table') return undefined
  const { header, rows, align } = table as Tokens.Table
  const lines = [header, ...rows].map((row, at) =>
    row.map(({ tokens }): Cell => {
      const spans = spansOf(tokens, colors, at === 0 ? colors.bold : (text) => text)
      return { spans, width: spans.reduce((sum, { text }) => sum + textWidth(text), 0) }
    }),
  )
  const widths = widthsOf(lines, width)
  if (!widths) return undefined
  const [head = [], ...body] = lines.map((cells) => rowOf(cells, widths, align))
  return [...head, colors.dim(widths.map((each) => '─'.repeat(each)).join(GAP)), ...body.flat()]
}

function read(lexing: Lexing, source: string): Token[] {
  try {
    return lexing.lex(source, { gfm: true })
  } catch {
    return []
  }
}

/** Returns the widths of the columns. The widest columns are narrowed until all columns fit. */
function widthsOf(lines: Cell[][], most: number): number[] | undefined {
  const widths = (lines[0] ?? []).map((_, at) => Math.max(1, ...lines.map((cells) => cells[at]?.width ?? 0)))
  const least = widths.map((width) => Math.min(width, LEAST))
  const sum = (all: number[]) => all.reduce((total, width) => total + width, GAP.length * (all.length - 1))
  if (sum(least) > most) return undefined
  while (sum(widths) > most) {
    const widest = widths.indexOf(Math.max(...widths))
    widths[widest] = Math.max(
      LEAST,
      widths[widest]! - Math.max(1, sum(widths) - most > widths[widest]! / 2 ? 8 : 1),
    )
  }
  return widths
}

/** Returns the rows of one line of a table. */
function rowOf(cells: Cell[], widths: number[], align: Tokens.Table['align']): string[] {
  const texts = widths.map((width, at) => wrapped(cells[at]?.spans ?? [], width))
  const height = Math.max(...texts.map(({ length }) => length))
  return Array.from({ length: height }, (_, row) =>
    texts
      .map((rows, at) => {
        const { text = '', width = 0 } = rows[row] ?? {}
        const blanks = widths[at]! - width
        const before = align[at] === 'right' ? blanks : align[at] === 'center' ? Math.floor(blanks / 2) : 0
        const isLast = at === texts.length - 1
        return ' '.repeat(before) + text + (isLast ? '' : ' '.repeat(blanks - before))
      })
      .join(GAP)
      .trimEnd(),
  )
}

/** Returns the rows of one cell. */
function wrapped(spans: Span[], width: number): { text: string; width: number }[] {
  const plain = new Rows(() => width)
  const styled = new Rows(() => width)
  const bare = spans.map(({ text }) => ({ text, style: (part: string) => part }))
  const texts = styled.write(spans).split('\n')
  return plain
    .write(bare)
    .split('\n')
    .map((row, at) => ({ text: texts[at] ?? '', width: textWidth(row) }))
}
