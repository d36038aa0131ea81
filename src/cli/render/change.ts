import type { Change } from '../../client/change-of.ts'
import { lineRunsOf } from '../../client/diff-lines.ts'
import { rowsOf } from '../../client/diff-rows.ts'
import type { Reveal } from '../../client/reveal-hidden.ts'
import type { Colors } from './ansi.ts'
import { layOut, type Paragraph } from './layout.ts'
import { cutEnd } from './width.ts'

/** Maximum number of rows to show of a change that is already made. */
const ROWS = 40

/** Sign at the beginning of a row, by the kind of its line. */
const SIGNS = { same: '  ', removed: '- ', added: '+ ', none: '' } as const
type Kind = keyof typeof SIGNS

const stylesOf = ({ red, green }: Colors) => ({
  same: undefined,
  removed: red,
  added: green,
  none: undefined,
})

/** Returns all lines of a change, for a person who decides about it. */
export function changeParagraphs({ parts }: Change, reveal: Reveal, colors: Colors): Paragraph[] {
  const styles = stylesOf(colors)
  const rows = (kind: Kind, lines: string[]): Paragraph[] =>
    lines.length === 0
      ? []
      : // Reveal all lines together, so that a long run of empty lines is counted.
        reveal
          .text(lines.join('\n'))
          .split('\n')
          .map((text) => ({ head: `  ${SIGNS[kind]}`, text, style: styles[kind], signed: true }))
  return parts.flatMap(({ before, after }, index) => [
    ...titleOf(index, parts.length, colors),
    ...lineRunsOf(before, after).flatMap((run) =>
      run.kind === 'same'
        ? rows('same', textsOf(run.lines))
        : [...rows('removed', wholeOf(run.removed)), ...rows('added', wholeOf(run.added))],
    ),
  ])
}

const titleOf = (index: number, count: number, { dim }: Colors): Paragraph[] =>
  count === 1 ? [] : [{ head: '  ', text: `Edit ${index + 1} of ${count}:`, style: dim }]

const textsOf = (lines: { text: string }[]) => lines.map(({ text }) => text)
const wholeOf = (lines: { parts: { text: string }[] }[]) =>
  lines.map(({ parts }) => parts.map(({ text }) => text).join(''))

/** Returns the rows of a change that is already made: the changed lines, and a few lines around them. */
export function changeRows({ parts }: Change, reveal: Reveal, colors: Colors, width: number): string[] {
  const styles = stylesOf(colors)
  const rows = parts.flatMap(({ before, after }, index) => [
    ...layOut(titleOf(index, parts.length, colors), width),
    ...rowsOf(lineRunsOf(before, after), { isWide: false, isWhole: false, unfolded: new Set() }).map(
      (row) => {
        if (row.kind === 'folded') return colors.dim(`${SIGNS.same}… ${row.count} unchanged lines`)
        const [side] = row.sides
        const { kind, parts } = side!
        const text = cutEnd(SIGNS[kind] + reveal.line(parts.map(({ text }) => text).join('')), width)
        return styles[kind]?.(text) ?? text
      },
    ),
  ])
  if (rows.length <= ROWS) return rows
  return [...rows.slice(0, ROWS - 1), colors.dim(`${SIGNS.same}… ${rows.length - ROWS + 1} more lines`)]
}
