import { useMemo, useRef, useState } from 'preact/hooks'
import { runsOfHunk } from '../../client/diff-lines.ts'
import { type Row, rowsOf, type Side } from '../../client/diff-rows.ts'
import type { ChangedFile, Hunk } from '../../protocol/workspace.ts'
import { SideOf } from '../parts/diff-side.tsx'
import { useWide } from '../parts/use-wide.ts'
import { visible } from '../parts/visible.ts'
import { CommentOn } from './comment-on.tsx'
import { type Comment, comments, isSameLine, type Since } from './comments.ts'
import '../parts/diff.css'

interface HunksProps {
  /** Identifies the agent. */
  agent: string
  file: ChangedFile
  /** Path of the file, as the agent knows it. */
  path: string
  since: Since
  /** True if the person may comment on lines. */
  mayComment: boolean
}

type Place = Pick<Comment, 'line' | 'isOld' | 'quote'>

/** The changed lines of a file. A person chooses a line to comment on it. */
export function Hunks({ agent, file, path, since, mayComment }: HunksProps) {
  const figure = useRef<HTMLElement>(null)
  const isWide = useWide(figure)
  return (
    <figure
      ref={figure}
      class={`diff ${isWide ? 'diff-wide' : ''}`}
      aria-label={`Change of ${visible(path)}`}
    >
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: a scrolling region must be reachable by keyboard */}
      <div class="diff-rows" dir="ltr" tabIndex={0}>
        {file.hunks.map((hunk) => (
          <HunkOf
            key={`${hunk.old_start} ${hunk.new_start}`}
            hunk={hunk}
            isWide={isWide}
            {...{ agent, path, since, mayComment }}
          />
        ))}
      </div>
    </figure>
  )
}

interface HunkProps extends Omit<HunksProps, 'file'> {
  hunk: Hunk
  isWide: boolean
}

function HunkOf({ hunk, isWide, agent, path, since, mayComment }: HunkProps) {
  const rows = useMemo(
    () => rowsOf(runsOfHunk(hunk), { isWide, isWhole: true, unfolded: new Set() }),
    [hunk, isWide],
  )
  const [open, setOpen] = useState<Place>()
  const known = comments.value.get(agent) ?? []
  const commentAt = (place: Place) => known.find((each) => isSameLine(each, { ...place, path, since }))
  return (
    <>
      <div class="diff-place">Line {hunk.new_start}</div>
      {rows.map((row, at) => {
        if (row.kind === 'folded') return null
        const commented = placesIn(row).filter((place) => commentAt(place) !== undefined || isAt(open, place))
        return [
          <div key={at} class="diff-row">
            {row.sides.map((side, index) => {
              const place = placeOf(side)
              return (
                <SideOf
                  key={index}
                  side={side}
                  shown={visible}
                  onChoose={mayComment && place ? () => setOpen(place) : undefined}
                />
              )
            })}
          </div>,
          ...commented.map((place) => (
            <CommentOn
              key={`${at} ${place.isOld}`}
              agent={agent}
              place={{ ...place, path, since }}
              comment={commentAt(place)}
              isOpen={isAt(open, place)}
              onOpen={(isOpen) => setOpen(isOpen ? place : undefined)}
            />
          )),
        ]
      })}
    </>
  )
}

const isAt = (open: Place | undefined, { line, isOld }: Place) => open?.line === line && open.isOld === isOld

const placesIn = (row: Row & { kind: 'lines' }): Place[] => {
  const places = row.sides.flatMap((side) => placeOf(side) ?? [])
  // An unchanged line is on both sides.
  return row.sides.every(({ kind }) => kind === 'same') ? places.slice(-1) : places
}

function placeOf({ kind, numbers, parts }: Side): Place | undefined {
  const line = numbers.findLast((number) => number !== undefined)
  if (kind === 'none' || line === undefined) return undefined
  return { line, isOld: kind === 'removed', quote: parts.map(({ text }) => text).join('') }
}
