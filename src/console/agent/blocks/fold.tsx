import type { ComponentChildren } from 'preact'
import { useContext } from 'preact/hooks'
import { useKept } from '../../parts/kept.ts'
import { Scope } from './scope.ts'
import './fold.css'

interface FoldProps {
  /** Name of the part, for what the person has unfolded. */
  id: string
  look?: string
  isOpen?: boolean
  summary: ComponentChildren
  /** Shows the content. Folded content is not on the page at all. */
  children: () => ComponentChildren
}

/** Content that a person can unfold. */
export function Fold({ id, look = '', isOpen = false, summary, children }: FoldProps) {
  const scope = useContext(Scope)
  const [open, setOpen] = useKept(`${scope} ${id}`, isOpen)
  return (
    <details
      class={`fold ${look}`}
      open={open}
      onToggle={(event) => {
        if (event.currentTarget.open !== open) setOpen(event.currentTarget.open)
      }}
    >
      <summary>{summary}</summary>
      {open && <div class="fold-content">{children()}</div>}
    </details>
  )
}
