import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { out, state } from './output.ts'
import { session } from './session.ts'

interface Decision {
  behavior: string
  message?: string
  updatedInput?: { answers?: Record<string, string> }
}

export interface ControlResponse {
  subtype: string
  request_id: string
  response: Decision
}

const waiting = new Map<string, (decision: Decision) => void>()
/** Number of refusals of each control request, by the request's id. */
const refused = new Map<string, number>()

/** Sends an unknown request. @returns the number of its refusals */
export async function refusals(subtype: string): Promise<number> {
  const request_id = randomUUID()
  refused.set(request_id, 0)
  out({ type: 'control_request', request_id, request: { subtype } })
  while (refused.get(request_id) === 0) await sleep(20)
  // Waits, because the daemon might wrongly respond again.
  await sleep(300)
  return refused.get(request_id)!
}

/** Sends a permission request or a question, and waits for the answer. */
export async function ask(signal: AbortSignal, question: string): Promise<string> {
  const request_id = randomUUID()
  const tool_use_id = `toolu_${randomUUID()}`
  const options = ['Yes', 'No'].map((label) => ({ label, description: `Say ${label}` }))
  const questions = [{ question, header: 'Q', options, multiSelect: false }]
  const tool_name = question ? 'AskUserQuestion' : 'Bash'
  const input = question ? { questions } : { command: 'true' }
  const content = [{ type: 'tool_use', id: tool_use_id, name: tool_name, input }]
  out({
    type: 'assistant',
    message: { id: `msg_${randomUUID()}`, role: 'assistant', model: session.model, content },
  })
  state('requires_action')
  const request = {
    subtype: 'can_use_tool',
    tool_name,
    input,
    description: 'do nothing',
    tool_use_id,
  }
  out({ type: 'control_request', request_id, request: { ...request, permission_suggestions: [] } })
  signal.addEventListener('abort', () => {
    if (waiting.delete(request_id)) out({ type: 'control_cancel_request', request_id })
  })
  const { behavior, message, updatedInput } = await new Promise<Decision>((resolve) =>
    waiting.set(request_id, resolve),
  )
  state('running')
  const is_error = behavior !== 'allow'
  const result = { type: 'tool_result', tool_use_id, is_error, content: is_error ? message : 'ok' }
  out({ type: 'user', message: { role: 'user', content: [result] }, parent_tool_use_id: null })
  return is_error ? `denied: ${message}` : (updatedInput?.answers?.[question] ?? 'allowed')
}

/** Takes the response to a request. */
export function responded(line: { response: ControlResponse }) {
  const { subtype, request_id, response } = line.response
  const times = refused.get(request_id)
  if (subtype === 'error' && times !== undefined) refused.set(request_id, times + 1)
  const decide = waiting.get(request_id)
  waiting.delete(request_id)
  if (decide) out(line)
  decide?.(response)
}
