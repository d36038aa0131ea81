import type { RefObject } from 'preact'
import { useEffect, useId, useRef, useState } from 'preact/hooks'
import { offersOf } from '../../client/offers.ts'
import type { PermissionRequest } from '../../protocol/permission.ts'
import { Button } from '../parts/button.tsx'
import { tell } from '../parts/notices.tsx'
import { useSending } from '../parts/use-sending.tsx'
import type { Answering, ChosenOffer } from './answering.ts'
import { Offers } from './offers.tsx'

interface DecisionProps {
  answering: Answering
  request: PermissionRequest
  /** True once the end of the request, and of the rules to remember, has been on the screen. */
  isRead: boolean
  end: RefObject<HTMLDivElement | null>
  /** True if the request can only be denied. */
  isRefusable: boolean
  onDone(): void
}

/** The buttons that allow or deny a request. `Always` is a second step, which shows the rules to remember. */
export function Decision({ answering, request, isRead, end, isRefusable, onDone }: DecisionProps) {
  const [step, setStep] = useState<'decide' | 'always' | 'deny'>('decide')
  const [chosen, setChosen] = useState<ChosenOffer[]>([])
  const { isSending, problem, send } = useSending(onDone)
  useFocus(end, step)
  const offers = offersOf(request)
  const isPlan = request.ask === 'plan'
  const allow = () =>
    send(async () => {
      await answering.allow(step === 'always' ? chosen : [])
      tell(isPlan ? 'Approved.' : 'Allowed.')
    })
  const content = (
    <>
      {step === 'always' && <Offers offers={offers} chosen={chosen} onChoose={setChosen} />}
      <div ref={end} class="request-end" />
    </>
  )
  if (step === 'deny')
    return (
      <>
        {content}
        <Deny answering={answering} isPlan={isPlan} onBack={() => setStep('decide')} onDone={onDone} />
      </>
    )
  return (
    <>
      {content}
      {problem}
      {step === 'decide' && offers.length > 0 && !isRefusable && (
        <Button look="quiet" disabled={!isRead} onClick={() => setStep('always')}>
          Always…
        </Button>
      )}
      <div class="answer-bar">
        {!isRefusable && !isRead && <p class="answer-hint">Scroll to the end of the request to allow it.</p>}
        <Button look="danger" disabled={isSending} onClick={() => setStep('deny')}>
          {isPlan ? 'Keep planning…' : 'Deny…'}
        </Button>
        {!isRefusable && (
          <Button
            look="main"
            disabled={isSending || !isRead || (step === 'always' && chosen.length === 0)}
            onClick={allow}
          >
            {step === 'always' ? 'Allow and remember' : isPlan ? 'Approve' : 'Allow once'}
          </Button>
        )}
      </div>
    </>
  )
}

/** Moves the focus to the first control of a step, because the control that led to the step is gone. */
function useFocus(end: DecisionProps['end'], step: keyof typeof FIRST) {
  const shown = useRef(step)
  useEffect(() => {
    if (shown.current === step) return
    shown.current = step
    end.current?.closest('dialog')?.querySelector<HTMLElement>(FIRST[step])?.focus()
  }, [step])
}

/** Selectors of the first control of each step. */
const FIRST = {
  decide: '.answer-bar button',
  always: '.answer-more input',
  deny: '.answer-more textarea',
} as const

interface DenyProps extends Pick<DecisionProps, 'answering' | 'onDone'> {
  isPlan: boolean
  onBack(): void
}

function Deny({ answering, isPlan, onBack, onDone }: DenyProps) {
  const [message, setMessage] = useState('')
  const [interrupt, setInterrupt] = useState(false)
  const { isSending, problem, send } = useSending(onDone)
  const field = useId()
  const submit = (event: Event) => {
    event.preventDefault()
    send(async () => {
      await answering.deny({ message, interrupt })
      tell(isPlan ? 'The agent keeps planning.' : 'Denied.')
    })
  }
  return (
    <form class="answer-more" onSubmit={submit}>
      <label for={field}>Message for the agent, such as an alternative (optional)</label>
      <textarea
        id={field}
        rows={3}
        value={message}
        onInput={(event) => setMessage(event.currentTarget.value)}
      />
      <label class="answer-choice">
        <input
          type="checkbox"
          checked={interrupt}
          onChange={(event) => setInterrupt(event.currentTarget.checked)}
        />
        Also end the agent's turn
      </label>
      {problem}
      <div class="answer-bar">
        <Button onClick={onBack}>Back</Button>
        <Button look="danger" type="submit" disabled={isSending}>
          {isPlan ? 'Keep planning' : 'Deny'}
        </Button>
      </div>
    </form>
  )
}
