import { useRef, useState } from 'preact/hooks'
import { Button } from './button.tsx'
import { isCopied } from './copy-text.ts'
import './copyable.css'

interface CopyableProps {
  text: string
  /** Verb and noun for the button, such as `Copy the key`. */
  label: string
}

/** A text with a button that copies it. */
export function Copyable({ text, label }: CopyableProps) {
  const shown = useRef<HTMLPreElement>(null)
  const [state, setState] = useState<'copied' | 'selected'>()
  const copy = async () => {
    setState((await isCopied(text)) ? 'copied' : 'selected')
    getSelection()?.selectAllChildren(shown.current!)
  }
  return (
    <div class="copyable">
      <pre ref={shown} dir="ltr">
        {text}
      </pre>
      <Button onClick={() => void copy()}>{state === 'copied' ? 'Copied' : label}</Button>
      <span class="unseen" role="status">
        {state === 'copied' ? 'Copied' : ''}
      </span>
      {state === 'selected' && (
        <p role="status">The browser did not allow it. The text is selected: copy it with the keyboard.</p>
      )}
    </div>
  )
}
