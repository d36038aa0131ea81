import { Reveal } from '../../client/reveal-hidden.ts'
import { wholeStart } from '../parts/visible.ts'
import { REQUEST_CHARS } from './answering.ts'
import './shown.css'

/**
 * Text on which a person decides, whole and with all hidden characters made visible.
 * @param look `code` keeps the lines unchanged
 */
export function Shown({ text, look = 'text' }: { text: string; look?: 'text' | 'code' }) {
  const reveal = new Reveal()
  const parts = reveal.text(wholeStart(text, REQUEST_CHARS))
  const hidden = reveal.summary()
  return (
    <>
      {look === 'code' ? (
        // biome-ignore lint/a11y/noNoninteractiveTabindex: a scrolling region must be reachable by keyboard
        <pre class="shown" dir="ltr" tabIndex={0}>
          {parts}
        </pre>
      ) : (
        <p class="shown-text" dir="auto">
          {parts}
        </p>
      )}
      {text.length > REQUEST_CHARS && <p role="note">The rest is not shown.</p>}
      {hidden !== undefined && (
        <p class="shown-hidden" role="note">
          {hidden}.
        </p>
      )}
    </>
  )
}

/** A short text on one line, with all hidden characters made visible. */
export const ShownLine = ({ text }: { text: string }) => <bdi>{new Reveal().line(text)}</bdi>
