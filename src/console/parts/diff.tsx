import type { ComponentChildren } from 'preact'
import { useEffect, useRef, useState } from 'preact/hooks'
import type { LinePart, Run } from '../../client/diff-lines.ts'
import { rowsOf, type Side } from '../../client/diff-rows.ts'
import { Reveal } from '../../client/reveal-hidden.ts'
import { visible } from './visible.ts'
import './diff.css'

interface DiffProps {
  before: string
  after: string
  /** Path of the file, for its name. */
  path: string
  /** True to show all lines and to make hidden characters visible, for a person who decides about the change. */
  reveal?: boolean
  /** False if the texts are parts of a file, so that the numbers of their lines are not known. */
  numbered?: boolean
}

/** Width from which the two texts stand side by side, in pixels. */
const WIDE_PX = 900
/** Number of rows to show at first. */
const ROWS = 500

/** The lines that a change removes and adds, with the unchanged lines around them. */
export function Diff({ before, after, path, reveal = false, numbered = true }: DiffProps) {
  const figure = useRef<HTMLElement>(null)
  const isWide = useWide(figure)
  const runs = useRuns(before, after)
  const [most, setMost] = useState(reveal ? Number.POSITIVE_INFINITY : ROWS)
  const [unfolded, setUnfolded] = useState<ReadonlySet<number>>(new Set())
  const revealer = new Reveal()
  const shown = reveal ? (text: string) => revealer.text(text) : visible
  const rows = runs && rowsOf(runs, { isWide, isWhole: reveal, unfolded })
  const look = `diff${isWide ? ' diff-wide' : ''}${numbered ? '' : ' diff-bare'}`
  const drawn = rows?.slice(0, most).map((row, at) =>
    row.kind === 'folded' ? (
      <div key={at} class="diff-folded">
        <button type="button" onClick={() => setUnfolded(new Set([...unfolded, row.run]))}>
          {row.count} unchanged lines
        </button>
      </div>
    ) : (
      <div key={at} class="diff-row">
        {row.sides.map((side, index) => (
          <SideOf key={index} side={side} shown={shown} />
        ))}
      </div>
    ),
  )
  const hidden = reveal ? revealer.summary() : undefined
  return (
    <figure ref={figure} class={look} aria-label={`Change of ${visible(path)}`}>
      {drawn ? (
        // biome-ignore lint/a11y/noNoninteractiveTabindex: a scrolling region must be reachable by keyboard
        <div class="diff-rows" dir="ltr" tabIndex={0}>
          {drawn}
        </div>
      ) : (
        <p role="status">Comparing…</p>
      )}
      {rows && rows.length > most && (
        <button type="button" class="diff-more" onClick={() => setMost(most * 10)}>
          Show more of {rows.length} lines
        </button>
      )}
      {hidden !== undefined && <figcaption class="diff-hidden">{hidden}.</figcaption>}
    </figure>
  )
}

const SIGNS: Readonly<Record<Side['kind'], string>> = { same: ' ', added: '+', removed: '−', none: ' ' }
const NAMES: Partial<Record<Side['kind'], string>> = { added: 'Added: ', removed: 'Removed: ' }

function SideOf({ side, shown }: { side: Side; shown: (text: string) => string }) {
  return (
    <div class={`diff-side diff-${side.kind}`}>
      {side.numbers.map((number, at) => (
        <span key={at} class="diff-number" aria-hidden="true">
          {number}
        </span>
      ))}
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

/** Returns the runs of a comparison; undefined until the code that compares is loaded. */
function useRuns(before: string, after: string): Run[] | undefined {
  const [runs, setRuns] = useState<Run[]>()
  useEffect(() => {
    let isCurrent = true
    void import('../../client/diff-lines.ts').then(({ runsOf }) => {
      if (isCurrent) setRuns(runsOf(before, after))
    })
    return () => {
      isCurrent = false
    }
  }, [before, after])
  return runs
}

function useWide(element: { current: HTMLElement | null }): boolean {
  const [isWide, setWide] = useState(false)
  useEffect(() => {
    const observer = new ResizeObserver(([entry]) => setWide((entry?.contentRect.width ?? 0) >= WIDE_PX))
    if (element.current) observer.observe(element.current)
    return () => observer.disconnect()
  }, [element])
  return isWide
}
