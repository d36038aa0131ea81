import { useState } from 'preact/hooks'
import { Button } from '../parts/button.tsx'
import { tell } from '../parts/notices.tsx'
import { useSending } from '../parts/use-sending.tsx'
import type { Answering } from './answering.ts'

interface DeclineProps {
  answering: Answering
  /** True for the form of an MCP server, which can also be closed without an answer. */
  isForm?: boolean
  onDone(): void
}

/** A button that refuses a question or form, after a second press. */
export function Decline({ answering, isForm = false, onDone }: DeclineProps) {
  const [isSure, setSure] = useState(false)
  const { isSending, problem, send } = useSending(onDone)
  const refuse = (action: 'cancel' | 'decline') =>
    send(async () => {
      if (isForm) await answering.leave(action)
      else await answering.deny({ message: '', interrupt: false })
      tell(action === 'cancel' ? 'Closed without an answer.' : 'Declined.')
    })
  if (!isSure)
    return (
      <Button look="danger" onClick={() => setSure(true)}>
        Decline…
      </Button>
    )
  return (
    <span>
      {problem}
      <Button look="danger" disabled={isSending} onClick={() => refuse('decline')}>
        Decline
      </Button>
      {isForm && (
        <Button disabled={isSending} onClick={() => refuse('cancel')}>
          Close without an answer
        </Button>
      )}
    </span>
  )
}
