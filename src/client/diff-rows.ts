import type { LinePart, NumberedLine, Run } from './diff-lines.ts'

/** A line of one text, or of both. */
export interface Side {
  kind: 'same' | 'added' | 'removed' | 'none'
  /** Numbers of the line, as the columns have room for them. */
  numbers: (number | undefined)[]
  parts: readonly LinePart[]
}

export type Row =
  | { kind: 'lines'; sides: Side[] }
  /** Unchanged lines that are not shown. */
  | { kind: 'folded'; run: number; count: number }

interface RowsOptions {
  /** True if the texts stand side by side. */
  isWide: boolean
  /** True to show all unchanged lines. */
  isWhole: boolean
  /** Runs whose unchanged lines a person has unfolded. */
  unfolded: ReadonlySet<number>
}

/** Number of unchanged lines to show next to a change. */
const AROUND = 3
/** Minimum number of lines to fold. */
const WORTH_FOLDING = 4

/** Returns the rows of a comparison. */
export function rowsOf(runs: readonly Run[], { isWide, isWhole, unfolded }: RowsOptions): Row[] {
  return runs.flatMap((run, at) => {
    if (run.kind === 'changed') return isWide ? pairs(run) : [...oneByOne(run)]
    const rows = run.lines.map((line) => sameRow(line, isWide))
    if (isWhole || unfolded.has(at)) return rows
    const first = at === 0 ? 0 : AROUND
    const last = at === runs.length - 1 ? 0 : AROUND
    const count = rows.length - first - last
    if (count < WORTH_FOLDING) return rows
    return [...rows.slice(0, first), { kind: 'folded', run: at, count }, ...rows.slice(rows.length - last)]
  })
}

function sameRow(
  { before, after, text }: { before: number; after: number; text: string },
  isWide: boolean,
): Row {
  const parts = [{ text, isChanged: false }]
  const side = (numbers: number[]): Side => ({ kind: 'same', numbers, parts })
  return { kind: 'lines', sides: isWide ? [side([before]), side([after])] : [side([before, after])] }
}

type Changed = Extract<Run, { kind: 'changed' }>

function* oneByOne({ removed, added }: Changed): Generator<Row> {
  for (const { number, parts } of removed)
    yield { kind: 'lines', sides: [{ kind: 'removed', numbers: [number, undefined], parts }] }
  for (const { number, parts } of added)
    yield { kind: 'lines', sides: [{ kind: 'added', numbers: [undefined, number], parts }] }
}

function pairs({ removed, added }: Changed): Row[] {
  const side = (kind: 'added' | 'removed', line: NumberedLine | undefined): Side =>
    line
      ? { kind, numbers: [line.number], parts: line.parts }
      : { kind: 'none', numbers: [undefined], parts: [] }
  return Array.from({ length: Math.max(removed.length, added.length) }, (_, at) => ({
    kind: 'lines',
    sides: [side('removed', removed[at]), side('added', added[at])],
  }))
}
