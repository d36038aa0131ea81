/** A measured figure with its floor. */
export interface Figure {
  name: string
  /** Median of the rounds. */
  value: number
  unit: 'ms' | 's' | 'MB' | 'MB/s' | '%' | 'per s' | 'count'
  /** The same figure, measured in the same run, for a program that does the minimum. */
  floor?: { value: number; of: string }
  /** Limit of the ratio to the floor, or of the value if there is no floor. */
  goal?: { at: 'most' | 'least'; limit: number }
}

export interface Judged extends Figure {
  ratio?: number
  met?: boolean
}

export function judge(figure: Figure): Judged {
  const { value, floor, goal } = figure
  const ratio = floor && value / floor.value
  const judged = ratio ?? value
  return {
    ...figure,
    ...(ratio !== undefined && { ratio }),
    ...(goal && { met: goal.at === 'most' ? judged <= goal.limit : judged >= goal.limit }),
  }
}

const digits = (value: number) => (value === 0 || value >= 100 ? 0 : value >= 10 ? 1 : value >= 1 ? 2 : 3)
const number = (value: number) => value.toFixed(digits(Math.abs(value)))
const quantity = (value: number, unit: Figure['unit']) =>
  `${number(value)}${unit === 'count' ? '' : ` ${unit}`}`

/** Formats figures as columns. */
export function table(figures: Judged[]): string {
  const rows = figures.map(({ name, value, unit, floor, ratio, goal, met }) => [
    name,
    quantity(value, unit),
    floor ? quantity(floor.value, unit) : '',
    ratio === undefined ? '' : `${ratio.toFixed(2)} x`,
    goal
      ? `${goal.at === 'most' ? '<=' : '>='} ${floor ? `${goal.limit} x` : quantity(goal.limit, unit)}`
      : '',
    met === undefined ? '' : met ? 'met' : 'MISSED',
  ])
  rows.unshift(['', 'value', 'floor', 'ratio', 'goal', ''])
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)))
  return rows
    .map((row) =>
      row
        .map((cell, column) => (column === 0 ? cell.padEnd(widths[0]!) : cell.padStart(widths[column]!)))
        .join('  ')
        .trimEnd(),
    )
    .join('\n')
}
