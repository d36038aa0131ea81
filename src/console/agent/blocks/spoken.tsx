import { bytes } from '../../parts/ago.ts'
import { visible, visibleLine } from '../../parts/visible.ts'
import type { SpokenBlock, ToolInputBlock } from '../block.ts'
import { Code } from './code.tsx'
import { Fold } from './fold.tsx'
import { Long } from './long.tsx'
import { Markdown } from './markdown.tsx'
import './spoken.css'

/** The model's words: its text, or its folded thoughts. */
export function Spoken({ block }: { block: SpokenBlock }) {
  const { kind, key, text, growth, error } = block
  if (kind === 'thinking') return <Thinking block={block} />
  return (
    <article
      class={`spoken spoken-${growth}${error === undefined ? '' : ' spoken-error'}`}
      aria-label={error === undefined ? 'Agent' : 'Error'}
      aria-busy={growth === 'growing'}
    >
      <Long id={key} text={text}>
        {(part) => <Markdown text={part} />}
      </Long>
      {growth === 'cut' && <p class="spoken-cut">The text ends here: it was interrupted.</p>}
    </article>
  )
}

function Thinking({ block: { key, text, growth } }: { block: SpokenBlock }) {
  const summary = (
    <>
      <span class="fold-name">{growth === 'growing' ? 'Thinking…' : 'Thought'}</span>
      <bdi class="fold-about">{visibleLine(growth === 'growing' ? text.slice(-120) : text)}</bdi>
    </>
  )
  return (
    <Fold id={key} summary={summary}>
      {() => (
        <div class="thinking">
          <Long id={key} text={text}>
            {(part) => <Markdown text={part} />}
          </Long>
        </div>
      )}
    </Fold>
  )
}

export const RedactedThinking = () => <p class="remark remark-quiet">Thought, in encrypted form</p>

/** The input of a tool use that the model is still writing. */
export function ToolInput({ block: { key, text, growth } }: { block: ToolInputBlock }) {
  const summary = (
    <>
      <span class="fold-name">
        {growth === 'growing' ? 'Preparing a tool use…' : 'A tool use was not finished'}
      </span>
      <span class="fold-about">{bytes(text.length)}</span>
    </>
  )
  return (
    <Fold id={key} summary={summary}>
      {() => (
        <Long id={key} text={text} chars={4000}>
          {(part) => <Code text={visible(part)} />}
        </Long>
      )}
    </Fold>
  )
}
