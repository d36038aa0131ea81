import { useEffect, useState } from 'preact/hooks'
import { isCopied } from './copy-text.ts'
import { tellProblem } from './notices.tsx'
import './copy-button.css'

/** Time for which the button says that it has copied the text, in milliseconds. */
const SHOWN_MS = 2000

/** A button that copies a text. */
export function CopyButton({ text, label = 'Copy' }: { text: string; label?: string }) {
  const [isDone, setDone] = useState(false)
  useEffect(() => {
    if (!isDone) return
    const timer = setTimeout(() => setDone(false), SHOWN_MS)
    return () => clearTimeout(timer)
  }, [isDone])
  const copy = async () => {
    if (await isCopied(text)) setDone(true)
    else
      tellProblem(
        new Error(
          'The browser did not allow it: without TLS, a page may not copy. Select the text, and copy it with the keyboard.',
        ),
      )
  }
  return (
    <button type="button" class="copy-button" onClick={() => void copy()}>
      {isDone ? 'Copied' : label}
    </button>
  )
}
