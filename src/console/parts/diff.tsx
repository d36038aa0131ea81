import { useEffect, useRef, useState } from 'preact/hooks'
import type { Run } from '../../client/diff-lines.ts'
import { rowsOf } from '../../client/diff-rows.ts'
import { Reveal } from '../../client/reveal-hidden.ts'
import { SideOf } from './diff-side.tsx'
import { useWide } from './use-wide.ts'
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

/** Number of rows to show at first. */
const ROWS = 500

/** The lines that a change removes and adds, with the unchanged lines around them. */
export function Diff({ before, after, path, reveal = false, numbered = true }: DiffProps) {
  const figure = useRef<HTMLElement>(null)
  const isWide = useWide(figure)
  const { runs, isLost } = useRuns(before, after)
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
    <figure ref={figure} class={look} aria-label={`Change of ${visible(path)}`} aria-busy={!drawn}>
      {drawn ? (
        // biome-ignore lint/a11y/noNoninteractiveTabindex: a scrolling region must be reachable by keyboard
        <div class="diff-rows" dir="ltr" tabIndex={0}>
          {drawn}
        </div>
      ) : (
        <p role={isLost ? 'alert' : 'status'}>
          {isLost ? 'The change could not be shown. Load the page again.' : 'Comparing…'}
        </p>
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

/**
 * Returns the runs of a comparison; undefined until the code that compares is loaded.
 * @returns `isLost` if this code cannot be loaded
 */
function useRuns(before: string, after: string): { runs: Run[] | undefined; isLost: boolean } {
  const [runs, setRuns] = useState<Run[]>()
  const [isLost, setLost] = useState(false)
  useEffect(() => {
    let isCurrent = true
    import('../../client/diff-lines.ts').then(
      ({ runsOf }) => {
        if (isCurrent) setRuns(runsOf(before, after))
      },
      () => setLost(true),
    )
    return () => {
      isCurrent = false
    }
  }, [before, after])
  return { runs, isLost }
}
