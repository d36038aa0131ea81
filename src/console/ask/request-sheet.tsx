import { useEffect, useMemo, useState } from 'preact/hooks'
import type { HubClient } from '../../client/hub-client.ts'
import { wholeRequest } from '../../client/whole-request.ts'
import type { PermissionRequest } from '../../protocol/permission.ts'
import { Dialog } from '../parts/dialog.tsx'
import { tell } from '../parts/notices.tsx'
import { ANSWERED } from './answered.ts'
import { Answering, onlyRefused } from './answering.ts'
import { Decision } from './decision.tsx'
import { FormAnswers } from './form-answers.tsx'
import { MayNotAnswer } from './may-not-answer.tsx'
import { QuestionAnswers } from './question-answers.tsx'
import { RequestContent } from './request-content.tsx'
import { ShownLine } from './shown.tsx'
import { useReadToEnd } from './use-read-to-end.ts'
import './request-sheet.css'

/** Where a request comes from. */
interface Asking {
  agent_id: string
  machine_id: string
  machine_name?: string | undefined
  cwd: string
  title?: string | undefined
  pending: PermissionRequest[]
}

interface RequestSheetProps {
  hub: HubClient
  /** The agent, as its latest status says. */
  agent: Asking
  /** The request that the person opened. */
  request: PermissionRequest
  /** False for people who may only read. */
  mayAnswer: boolean
  onClose(): void
}

const identity = ({ request_id, digest }: PermissionRequest) => `${request_id} ${digest ?? ''}`

/** A request of an agent, whole, with the buttons that answer it. Closes when another person has answered. */
export function RequestSheet({ hub, agent, request, mayAnswer, onClose }: RequestSheetProps) {
  const isOpen = agent.pending.some((each) => identity(each) === identity(request))
  // While the person's own answer is under way, its outcome closes the sheet.
  const [isSending, setSending] = useState(false)
  useEffect(() => {
    if (isOpen || isSending) return
    tell(ANSWERED)
    onClose()
  }, [isOpen, isSending])
  const whole = useWhole(hub, agent.agent_id, request)
  return (
    <Dialog title={titleOf(request)} onClose={onClose}>
      <p class="request-where">
        <ShownLine text={agent.title || agent.agent_id} /> on{' '}
        <ShownLine text={agent.machine_name ?? agent.machine_id} />, in <ShownLine text={agent.cwd} />
        {subagentOf(request)}
      </p>
      {whole ? (
        <Body
          hub={hub}
          agentId={agent.agent_id}
          request={whole}
          mayAnswer={mayAnswer}
          onClose={onClose}
          onSending={setSending}
        />
      ) : (
        <p role="status">Loading the whole request…</p>
      )}
    </Dialog>
  )
}

interface BodyProps extends Pick<RequestSheetProps, 'hub' | 'request' | 'mayAnswer' | 'onClose'> {
  agentId: string
  onSending(isSending: boolean): void
}

function Body({ hub, agentId, request, mayAnswer, onClose, onSending }: BodyProps) {
  const { end, isRead } = useReadToEnd(request)
  const answering = useMemo(
    () => new Answering(hub, agentId, request, onSending),
    [hub, agentId, request, onSending],
  )
  const refusal = useMemo(() => onlyRefused(request), [request])
  const props = { answering, request, isRead, mayAnswer, onDone: onClose }
  const isQuestion = request.ask === 'question' && refusal === undefined
  if (isQuestion && request.form) return <FormAnswers {...props} form={request.form} end={end} />
  if (isQuestion && request.questions) return <QuestionAnswers {...props} end={end} />
  return (
    <>
      <RequestContent request={request} />
      {refusal !== undefined && (
        <p class="request-refused" role="alert">
          {refusal} Here, you can only deny it.
        </p>
      )}
      {mayAnswer ? <Decision {...props} end={end} isRefusable={refusal !== undefined} /> : <MayNotAnswer />}
    </>
  )
}

/** Returns a request with its whole input; undefined until it is known. */
function useWhole(hub: HubClient, agentId: string, request: PermissionRequest) {
  const [whole, setWhole] = useState(request.input_omitted ? undefined : request)
  const name = identity(request)
  useEffect(() => {
    if (!request.input_omitted) return setWhole(request)
    const aborter = new AbortController()
    setWhole(undefined)
    void wholeRequest(hub, agentId, request, { signal: aborter.signal })
      .catch(() => request)
      .then((found) => {
        if (!aborter.signal.aborted) setWhole(found)
      })
    return () => aborter.abort()
  }, [hub, agentId, name])
  return whole
}

function titleOf({ ask, tool, form }: PermissionRequest): string {
  if (ask === 'plan') return 'Approve the plan?'
  if (ask === 'question') return form ? 'A form to fill in' : 'The agent asks a question'
  return /^[\w.$-]{1,80}$/.test(tool) ? `Allow ${tool}?` : 'Allow this tool?'
}

function subagentOf({ subagent, subagent_id, parent_tool_use_id }: PermissionRequest) {
  if (subagent_id === undefined && parent_tool_use_id === undefined) return null
  const name = subagent ?? subagent_id
  return <>, asked by its sub-agent {name !== undefined && <ShownLine text={name} />}</>
}
