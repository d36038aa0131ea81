import { out } from './output.ts'
import { session } from './session.ts'
import { cancelPrompt, emptyQueue, interrupt, isWorking, queuedPrompts } from './turns.ts'

const MODES = ['acceptEdits', 'auto', 'bypassPermissions', 'default', 'dontAsk', 'plan']

export interface Control {
  subtype: string
  model?: string
  mode?: string
  cancel_queued?: boolean
  message_uuid?: string
}

/** Does what a control request says, and responds. */
export function control(request_id: string, request: Control) {
  const reply = (response: object) =>
    out({ type: 'control_response', response: { subtype: 'success', request_id, response } })
  const refuse = (error_code: string, error: string) =>
    out({ type: 'control_response', response: { subtype: 'error', request_id, error, error_code } })
  switch (request.subtype) {
    case 'initialize':
      return reply({ commands: [], models: [] })
    case 'interrupt':
      if (request.cancel_queued) emptyQueue('cancelled')
      reply({ still_queued: queuedPrompts() })
      return interrupt()
    case 'cancel_async_message':
      return reply({ cancelled: cancelPrompt(request.message_uuid) })
    case 'set_model':
      if (!request.model) return refuse('catalog_unknown', 'That is not a recognized model id.')
      session.model = request.model
      return reply({ model: session.model })
    case 'set_permission_mode':
      if (!request.mode || !MODES.includes(request.mode))
        return refuse('invalid_mode', `Cannot set permission mode: must be one of ${MODES.join(', ')}`)
      session.permission_mode = request.mode
      reply({ mode: session.permission_mode })
      return out({ type: 'system', subtype: 'status', status: null, permissionMode: session.permission_mode })
    case 'end_session':
      reply({})
      emptyQueue('discarded')
      return process.exit(isWorking() ? 1 : 0)
    default:
      return refuse('unsupported_request', `Unsupported control request subtype: ${request.subtype}`)
  }
}
