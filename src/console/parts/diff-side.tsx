import type { ComponentChildren } from 'preact'
import type { LinePart } from '../../client/diff-lines.ts'
import type { Side } from '../../client/diff-rows.ts'

const SIGNS: Readonly<Record<Side['kind'], string>> = { same: ' ', added: '+', removed: '−', none: ' ' }
const NAMES: Partial<Record<Side['kind'], string>> = { added: 'Added: ', removed: 'Removed: ' }

interface SideProps {
  side: Side
  /** Returns text in a form in which no character is obeyed. */
  shown(text: string): string
  /** Called when a person chooses the line. By default, lines cannot be chosen. */
  onChoose?: (() => void) | undefined
}

/** A line of a comparison, on one side. */
export function SideOf({ side, shown, onChoose }: SideProps) {
  return (
    <div class={`diff-side diff-${side.kind}`}>
      {side.numbers.map((number, at) =>
        onChoose &&
        number !== undefined &&
        at === side.numbers.findLastIndex((each) => each !== undefined) ? (
          <button
            key={at}
            type="button"
            class="diff-number"
            aria-label={`Comment on ${side.kind === 'removed' ? 'old line' : 'line'} ${number}`}
            onClick={onChoose}
          >
            {number}
          </button>
        ) : (
          <span key={at} class="diff-number" aria-hidden="true">
            {number}
          </span>
        ),
      )}
      <span class="diff-sign" aria-hidden="true">
        {SIGNS[side.kind]}
      </span>
      {NAMES[side.kind] !== undefined && <span class="unseen">{NAMES[side.kind]}</span>}
      <code>{side.parts.map((part, at) => partOf(part, at, shown))}</code>
    </div>
  )
}

const partOf = (
  { text, isChanged }: LinePart,
  at: number,
  shown: (text: string) => string,
): ComponentChildren => (isChanged ? <mark key={at}>{shown(text)}</mark> : shown(text))
