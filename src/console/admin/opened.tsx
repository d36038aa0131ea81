import { signal } from '@preact/signals'
import { AddMachine, StartAgent } from './later.ts'

/** The dialog that is open over the page, because its page may change while it is open. */
export const opened = signal<'start-agent' | 'add-machine'>()

const onClose = () => {
  opened.value = undefined
}

/** The open dialog, if there is one. */
export function Opened() {
  if (opened.value === 'start-agent') return <StartAgent onClose={onClose} />
  return opened.value === 'add-machine' ? <AddMachine onClose={onClose} /> : null
}
