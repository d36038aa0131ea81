import type { Content, PermissionRequest } from '../../../protocol/index.ts'
import type { Input, PermissionAnswer, Run } from '../conversation.ts'
import { user } from './decode-messages.ts'
import { fields } from './fields.ts'

const control = (id: string, request: { subtype: string; [field: string]: unknown }): Input => ({
  id,
  kind: 'control',
  line: JSON.stringify({ type: 'control_request', request_id: id, request }),
})

export const initialize = (id: string): Input => control(id, { subtype: 'initialize' })

/**
 * The first prompt follows at once, because Claude Code accepts prompts before it has answered `initialize`.
 */
export const open = ({ initialize_id, prompt: first }: Run): Input[] => [
  initialize(initialize_id),
  ...(first ? [prompt(first.id, first.content)] : []),
]

export const interrupt = (id: string, { cancelQueued }: { cancelQueued: boolean }): Input =>
  control(id, { subtype: 'interrupt', ...(cancelQueued && { cancel_queued: true }) })

export const withdraw = (id: string, promptId: string): Input =>
  control(id, { subtype: 'cancel_async_message', message_uuid: promptId })

export const setModel = (id: string, model: string): Input => control(id, { subtype: 'set_model', model })

export const setPermissionMode = (id: string, mode: string): Input =>
  control(id, { subtype: 'set_permission_mode', mode })

export const endSession = (id: string): Input => control(id, { subtype: 'end_session' })

export const prompt = (id: string, content: Content): Input => ({
  id,
  kind: 'prompt',
  line: JSON.stringify({
    type: 'user',
    message: { role: 'user', content: typeof content === 'string' ? content : content.map(block) },
    parent_tool_use_id: null,
    uuid: id,
  }),
})

/** Reads the content of a prompt in the same way as the content of the program's echo. */
export function contentOf(line: string): Content | undefined {
  const [event] = user({ ...fields(JSON.parse(line)), isReplay: true }) ?? []
  return event?.kind === 'user' ? event.content : undefined
}

const block = (part: Exclude<Content, string>[number]) =>
  part.type === 'text'
    ? part
    : { type: 'image', source: { type: 'base64', media_type: part.media_type, data: part.data } }

export function answerPermission(id: string, request: PermissionRequest, answer: PermissionAnswer): Input {
  // Interrupting the turn also withdraws the request.
  if (request.form && 'deny' in answer && answer.deny.interrupt) return interrupt(id, { cancelQueued: false })
  const declined = request.form && { action: 'decline' }
  const decided = 'form' in answer ? answer.form : (declined ?? decision(request, answer))
  const response = { subtype: 'success', request_id: request.request_id, response: decided }
  return { id, kind: 'control', line: JSON.stringify({ type: 'control_response', response }) }
}

function decision(request: PermissionRequest, answer: Exclude<PermissionAnswer, { form: unknown }>) {
  if ('deny' in answer) {
    const { message = 'The operator denied the request.', interrupt = false } = answer.deny
    return { behavior: 'deny', message, interrupt }
  }
  if ('answers' in answer)
    return { behavior: 'allow', updatedInput: { ...request.input, answers: answer.answers } }
  const { input = request.input, remember } = answer.allow
  return { behavior: 'allow', updatedInput: input, ...(remember && { updatedPermissions: remember }) }
}
