import { useEffect, useState } from 'preact/hooks'
import { tellProblem } from './notices.tsx'
import './copy-button.css'

/** Time for which the button says that it has copied the text, in milliseconds. */
const SHOWN_MS = 2000

/** A button that copies a text. */
export function CopyButton({ text, label = 'Copy' }: { text: string; label?: string }) {
  const [isCopied, setCopied] = useState(false)
  useEffect(() => {
    if (!isCopied) return
    const timer = setTimeout(() => setCopied(false), SHOWN_MS)
    return () => clearTimeout(timer)
  }, [isCopied])
  const copy = () => navigator.clipboard.writeText(text).then(() => setCopied(true), tellProblem)
  return (
    <button type="button" class="copy-button" onClick={() => void copy()}>
      {isCopied ? 'Copied' : label}
    </button>
  )
}
