import { signal } from '@preact/signals'
import { visible } from './visible.ts'
import './notices.css'

interface Notice {
  id: number
  text: string
  look: 'done' | 'problem'
}

/** Time for which a notice of success is shown, in milliseconds. Problems stay until they are dismissed. */
const SHOWN_MS = 5000
/** Maximum number of notices at a time. */
const MOST = 4

const notices = signal<Notice[]>([])
let lastId = 0

const dismiss = (id: number) => {
  notices.value = notices.value.filter((each) => each.id !== id)
}

/** Tells the person that something was done. */
export function tell(text: string) {
  const id = ++lastId
  notices.value = [...notices.value, { id, text, look: 'done' as const }].slice(-MOST)
  setTimeout(dismiss, SHOWN_MS, id)
}

/** Shows an error and its remedy. */
export function tellProblem(error: unknown) {
  const { message, remedy } = error as Error & { remedy?: string }
  const text = remedy === undefined ? message : `${message} ${remedy}`
  notices.value = [...notices.value, { id: ++lastId, text, look: 'problem' as const }].slice(-MOST)
}

/** The notices at the edge of the screen. */
export function Notices() {
  return (
    <div class="notices" aria-live="polite">
      {notices.value.map(({ id, text, look }) => (
        <p key={id} class={`notice notice-${look}`} role={look === 'problem' ? 'alert' : 'status'}>
          <span>{visible(text)}</span>
          <button type="button" aria-label="Dismiss" onClick={() => dismiss(id)}>
            ×
          </button>
        </p>
      ))}
    </div>
  )
}
