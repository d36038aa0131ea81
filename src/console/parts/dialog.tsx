import type { ComponentChildren } from 'preact'
import { useEffect, useId, useRef } from 'preact/hooks'
import { focusPage } from './focus-page.ts'
import './dialog.css'

interface DialogProps {
  title: string
  children: ComponentChildren
  /** Called when the person closes the dialog, by a button or by Escape. */
  onClose(): void
}

/** A modal dialog. On a phone, it is a sheet at the bottom of the screen. */
export function Dialog({ title, children, onClose }: DialogProps) {
  const dialog = useRef<HTMLDialogElement>(null)
  const heading = useId()
  useEffect(() => {
    const { current } = dialog
    current?.showModal()
    return () => {
      current?.close()
      // The control that has opened the dialog may be gone.
      if (document.activeElement === document.body) focusPage()
    }
  }, [])
  return (
    <dialog
      ref={dialog}
      class="dialog"
      aria-labelledby={heading}
      onCancel={(event) => {
        event.preventDefault()
        onClose()
      }}
    >
      <header>
        <h2 id={heading}>{title}</h2>
        <button type="button" aria-label="Close" onClick={onClose}>
          ×
        </button>
      </header>
      {children}
    </dialog>
  )
}
