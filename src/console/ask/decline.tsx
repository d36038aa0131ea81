import { useEffect, useState } from 'preact/hooks'
import { Button } from '../parts/button.tsx'
import { tell } from '../parts/notices.tsx'
import { useSending } from '../parts/use-sending.tsx'
import type { Answering } from './answering.ts'

/** Time before the second press counts, in milliseconds: it is at the place of the first one. */
const SETTLE_MS = 500

interface DeclineProps {
  answering: Answering
  /** True for the form of an MCP server, which can also be closed without an answer. */
  isForm?: boolean
  onDone(): void
}

/** A button that refuses a question or form, after a second press. */
export function Decline({ answering, isForm = false, onDone }: DeclineProps) {
  const [isSure, setSure] = useState(false)
  const [isSettled, setSettled] = useState(false)
  const { isSending, problem, send } = useSending(onDone)
  useEffect(() => {
    if (!isSure) return
    const timer = setTimeout(() => setSettled(true), SETTLE_MS)
    return () => clearTimeout(timer)
  }, [isSure])
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
      <Button look="danger" disabled={isSending || !isSettled} onClick={() => refuse('decline')}>
        Decline
      </Button>
      {isForm && (
        <Button disabled={isSending || !isSettled} onClick={() => refuse('cancel')}>
          Close without an answer
        </Button>
      )}
    </span>
  )
}
