import type { RefObject } from 'preact'
import { useState } from 'preact/hooks'
import { type FormAnswer, FormFault, formResult } from '../../protocol/form.ts'
import type { Form, PermissionRequest } from '../../protocol/permission.ts'
import { Button } from '../parts/button.tsx'
import { tell } from '../parts/notices.tsx'
import { safeAddress } from '../parts/safe-address.ts'
import { useSending } from '../parts/use-sending.tsx'
import type { Answering } from './answering.ts'
import { Decline } from './decline.tsx'
import { FormInput } from './form-input.tsx'
import { MayNotAnswer } from './may-not-answer.tsx'
import { Shown, ShownLine } from './shown.tsx'

interface FormAnswersProps {
  answering: Answering
  request: PermissionRequest
  form: Form
  isRead: boolean
  /** False for people who may only read. */
  mayAnswer: boolean
  end: RefObject<HTMLDivElement | null>
  onDone(): void
}

type Values = Record<string, FormAnswer>

/** The form of an MCP server. Its values are checked before they are sent. */
export function FormAnswers({ answering, request, form, isRead, mayAnswer, end, onDone }: FormAnswersProps) {
  const [values, setValues] = useState<Values>({})
  const [fault, setFault] = useState<FormFault>()
  const { isSending, problem, send } = useSending(onDone)
  const hasFields = form.fields.length > 0
  const submit = (event: Event) => {
    event.preventDefault()
    const answers = hasFields ? values : { [request.questions?.[0]?.question ?? '']: 'accept' }
    try {
      if (hasFields) formResult(form, request.questions, { answers })
    } catch (error) {
      if (error instanceof FormFault) return setFault(error)
      throw error
    }
    setFault(undefined)
    send(async () => {
      await answering.answer(answers)
      tell('Answered.')
    })
  }
  return (
    <form onSubmit={submit} noValidate>
      <p>
        The MCP server <ShownLine text={form.server} /> asks:
      </p>
      <Shown text={form.message} />
      {form.url !== undefined && <Address url={form.url} />}
      <fieldset class="answer-all" disabled={!mayAnswer}>
        {form.fields.map((field) => (
          <FormInput
            key={field.name}
            field={field}
            value={Object.hasOwn(values, field.name) ? values[field.name] : undefined}
            fault={fault?.field === field.name ? fault.message : undefined}
            onChange={(value) => setValues({ ...values, [field.name]: value })}
          />
        ))}
      </fieldset>
      <div ref={end} class="request-end" />
      {problem}
      {mayAnswer ? (
        <div class="answer-bar">
          {!isRead && <p class="answer-hint">Scroll to the end of the form to answer.</p>}
          <Decline answering={answering} isForm onDone={onDone} />
          <Button look="main" type="submit" disabled={isSending || !isRead}>
            {hasFields ? 'Send answers' : 'Accept'}
          </Button>
        </div>
      ) : (
        <MayNotAnswer />
      )}
    </form>
  )
}

/** An address that a person is asked to open: a link only if it leads to a web page. */
function Address({ url }: { url: string }) {
  const address = /^https?:\/\//i.test(url) ? safeAddress(url) : undefined
  return (
    <>
      <p>It asks you to open this address. Open it only if you trust the server:</p>
      <Shown look="code" text={address ?? url} />
      {address !== undefined && (
        <a href={address} target="_blank" rel="noopener noreferrer">
          Open in a new tab
        </a>
      )}
    </>
  )
}
