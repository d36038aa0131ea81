import { useEffect, useState } from 'preact/hooks'
import { CopyButton } from '../../parts/copy-button.tsx'
import { visible } from '../../parts/visible.ts'
import type { Piece } from './highlighted.ts'
import { highlighted } from './highlighter.ts'
import './code.css'

/** Maximum length of highlighted code, in characters. */
const MOST_CHARS = 100_000

interface CodeProps {
  text: string
  /** Name of the language, as Markdown gives it. */
  language?: string | undefined
  /** Text to copy, if it is not the text that is shown. */
  whole?: string
}

/** Code, highlighted if its language is known, with a button that copies it. */
export function Code({ text, language, whole = text }: CodeProps) {
  const pieces = useHighlighted(text, language?.match(/^[\w+#-]+/)?.[0])
  return (
    <div class="code">
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: a scrolling region must be reachable by keyboard */}
      <pre dir="ltr" tabIndex={0}>
        <code>
          {pieces
            ? pieces.map(({ look, text: part }, at) =>
                look === '' ? (
                  visible(part)
                ) : (
                  <span key={at} class={look}>
                    {visible(part)}
                  </span>
                ),
              )
            : visible(text)}
        </code>
      </pre>
      <CopyButton text={whole} />
    </div>
  )
}

/** Returns highlighted code; undefined until it is highlighted, and if it cannot be highlighted. */
function useHighlighted(text: string, language: string | undefined): Piece[] | undefined {
  const [found, setFound] = useState<{ text: string; pieces: Piece[] | undefined }>()
  useEffect(() => {
    if (language === undefined || text.length > MOST_CHARS) return
    const aborter = new AbortController()
    void highlighted({ code: text, language }, aborter.signal).then((pieces) => {
      if (!aborter.signal.aborted) setFound({ text, pieces })
    })
    return () => aborter.abort()
  }, [text, language])
  return found?.text === text ? found.pieces : undefined
}
