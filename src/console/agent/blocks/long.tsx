import type { ComponentChildren } from 'preact'
import { useContext } from 'preact/hooks'
import { bytes } from '../../parts/ago.ts'
import { CopyButton } from '../../parts/copy-button.tsx'
import { useKept } from '../../parts/kept.ts'
import { wholeStart } from '../../parts/visible.ts'
import { Scope } from './scope.ts'
import './long.css'

/** Maximum number of characters on the page, even on request: more would freeze the tab. */
const MOST_CHARS = 500_000

interface LongProps {
  /** Name of the text, for what the person has unfolded. */
  id: string
  text: string
  /** Number of characters and lines to show at first. */
  chars?: number
  lines?: number
  /** Shows a part of the text. */
  children: (text: string) => ComponentChildren
}

/** A text of any length: its beginning, and the rest on request. */
export function Long({ id, text, chars = 20_000, lines = 400, children }: LongProps) {
  const scope = useContext(Scope)
  const [isWhole, setWhole] = useKept(`${scope} ${id} whole`, false)
  const start = startOf(text, isWhole ? MOST_CHARS : chars, isWhole ? Number.POSITIVE_INFINITY : lines)
  const rest = text.length - start.length
  return (
    <>
      {children(start)}
      {rest > 0 && (
        <p class="long-rest">
          {isWhole ? (
            `The rest, ${bytes(rest)}, is not shown.`
          ) : (
            <button type="button" onClick={() => setWhole(true)}>
              Show all ({bytes(text.length)})
            </button>
          )}
          <CopyButton text={text} label="Copy all" />
        </p>
      )}
    </>
  )
}

function startOf(text: string, chars: number, lines: number): string {
  const start = text.length > chars ? wholeStart(text, chars) : text
  for (let at = -1, count = 0; ; ) {
    at = start.indexOf('\n', at + 1)
    if (at === -1) return start
    if (++count >= lines) return start.slice(0, at)
  }
}
