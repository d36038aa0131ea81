import { visibleLine } from '../../parts/visible.ts'
import type { PromptBlock, RuntimeMessageBlock } from '../block.ts'
import { Fold } from './fold.tsx'
import { Said, textOf } from './said.tsx'
import './messages.css'

/** A message of a person or server. */
export function Prompt({ block: { key, content, state, by } }: { block: PromptBlock }) {
  if (content === undefined)
    return (
      <p class="prompt-state">
        {state === 'cancelled'
          ? `${by === undefined ? 'A message was canceled' : `${visibleLine(by, 40)} withdrew a message`} before the agent started it.`
          : 'A message waits until the agent is ready.'}
      </p>
    )
  return (
    <article class="prompt" aria-label="Message to the agent">
      <Said id={key} content={content} />
    </article>
  )
}

const SOURCES: Readonly<Record<string, string>> = {
  runtime: 'Note to the agent',
  command_output: 'Output of a command',
  agent: 'Task for the sub-agent',
}

/** A message of the runtime in the user's place: folded, because it is for the agent. */
export function RuntimeMessage({ block: { key, origin, content } }: { block: RuntimeMessageBlock }) {
  const source = Object.hasOwn(SOURCES, origin) ? SOURCES[origin] : visibleLine(origin, 40)
  const summary = (
    <>
      <span class="fold-name">{source}</span>
      <bdi class="fold-about">{visibleLine(textOf(content))}</bdi>
    </>
  )
  return (
    <Fold id={key} summary={summary}>
      {() => <Said id={key} content={content} />}
    </Fold>
  )
}
