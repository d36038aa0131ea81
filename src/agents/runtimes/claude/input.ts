import type { Content, PermissionRequest } from '../../../protocol/index.ts'
import type { Input, PermissionAnswer } from '../runtime.ts'

const control = (id: string, request: { subtype: string; [field: string]: unknown }): Input => ({
  id,
  kind: 'control',
  line: JSON.stringify({ type: 'control_request', request_id: id, request }),
})

export const initialize = (id: string): Input => control(id, { subtype: 'initialize' })

export const interrupt = (id: string, { cancelQueued }: { cancelQueued: boolean }): Input =>
  control(id, { subtype: 'interrupt', ...(cancelQueued && { cancel_queued: true }) })

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

const block = (part: Exclude<Content, string>[number]) =>
  part.type === 'text'
    ? part
    : { type: 'image', source: { type: 'base64', media_type: part.media_type, data: part.data } }

const response = (
  id: string,
  body: { subtype: string; request_id: string; [field: string]: unknown },
): Input => ({
  id,
  kind: 'control',
  line: JSON.stringify({ type: 'control_response', response: body }),
})

export function answerPermission(id: string, request: PermissionRequest, answer: PermissionAnswer): Input {
  // Interrupting the turn also withdraws the request.
  if (request.form && 'deny' in answer && answer.deny.interrupt) return interrupt(id, { cancelQueued: false })
  const declined = request.form && { action: 'decline' }
  const decided = 'form' in answer ? answer.form : (declined ?? decision(request, answer))
  return response(id, { subtype: 'success', request_id: request.request_id, response: decided })
}

export const refuseRequest = (id: string, requestId: string): Input =>
  response(id, {
    subtype: 'error',
    request_id: requestId,
    error: 'This host does not support this request.',
  })

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
