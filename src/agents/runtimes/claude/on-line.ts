import type { EventBody, Heard, Reply } from '../conversation.ts'
import { decode } from './decode.ts'

/**
 * Reads a line. Refuses requests that this program does not know, because Claude Code would otherwise wait
 * forever.
 */
export function onLine(line: string): Heard {
  const events = decode(line)
  const inputs = events.flatMap(refusals)
  return inputs.length > 0 ? { events, inputs } : { events }
}

const refusals = (event: EventBody): Reply[] =>
  event.kind === 'notice' && event.request_id !== undefined ? [refuse(event.request_id)] : []

/** Returns the refusal of a request that this program does not know. */
export function refuse(request_id: string): Reply {
  const response = { subtype: 'error', request_id, error: 'This host does not support this request.' }
  return { kind: 'control', line: JSON.stringify({ type: 'control_response', response }), request_id }
}
