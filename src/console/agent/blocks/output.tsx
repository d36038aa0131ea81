import { useMemo } from 'preact/hooks'
import { visible } from '../../parts/visible.ts'
import { styledOutput } from './ansi.ts'
import { Long } from './long.tsx'
import './output.css'

/** The output of a program or tool. */
export function Output({ id, text, isError = false }: { id: string; text: string; isError?: boolean }) {
  if (text.trim() === '') return <p class="output-empty">No output</p>
  return (
    <Long id={id} text={text} lines={200}>
      {(part) => <OutputText text={part} isError={isError} />}
    </Long>
  )
}

function OutputText({ text, isError }: { text: string; isError: boolean }) {
  const parts = useMemo(() => styledOutput(text), [text])
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: a scrolling region must be reachable by keyboard
    <pre class={isError ? 'output output-error' : 'output'} dir="auto" tabIndex={0}>
      {parts.map(({ look, text: part }, at) =>
        look === '' ? (
          visible(part)
        ) : (
          <span key={at} class={look}>
            {visible(part)}
          </span>
        ),
      )}
    </pre>
  )
}
