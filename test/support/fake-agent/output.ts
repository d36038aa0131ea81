import { randomUUID } from 'node:crypto'
import { writeSync } from 'node:fs'
import { session } from './session.ts'

export interface Prompt {
  uuid: string
  text: string
}

export function out(line: object) {
  const bytes = Buffer.from(`${JSON.stringify({ ...line, session_id: session.id, uuid: randomUUID() })}\n`)
  for (let done = 0; done < bytes.length; ) done += writeSync(1, bytes, done)
}
export const state = (name: string) => out({ type: 'system', subtype: 'session_state_changed', state: name })
export const lifecycle = (uuid: string, name: string) =>
  out({ type: 'command_lifecycle', command_uuid: uuid, state: name })
export const say = (text: string) =>
  out({
    type: 'assistant',
    message: {
      id: `msg_${randomUUID()}`,
      role: 'assistant',
      model: session.model,
      content: [{ type: 'text', text }],
    },
    parent_tool_use_id: null,
  })
export const replay = ({ uuid, text }: Prompt) => {
  const line = { type: 'user', message: { role: 'user', content: text }, parent_tool_use_id: null }
  writeSync(1, `${JSON.stringify({ ...line, session_id: session.id, uuid, isReplay: true })}\n`)
}
