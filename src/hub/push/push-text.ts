import { createHash } from 'node:crypto'
import { visible, visibleJson } from '../../platform/visible-text.ts'
import type { HubAgent, PermissionRequest, PushMessage } from '../../protocol/index.ts'
import type { Need } from '../../protocol/needs.ts'
import { shorten } from '../../protocol/shorten.ts'
import type { AgentRef } from '../store/records.ts'
import { TEXT_BYTES } from './aes128gcm.ts'

/** Maximum length of the title and of the text below it, in characters. */
const TITLE_CHARS = 100
const BODY_CHARS = 240
/** Maximum length of an id in a message, in characters. A message without a very long id leads to the agent. */
const ID_CHARS = 160
/** Maximum number of fields of a tool's input that are shown. */
const FIELDS = 4
/** Length of a tag, in characters. Push services accept at most 32 in a `Topic`. */
const TAG_CHARS = 22
/** Maximum number of open requests that a message lists. */
export const MOST_OPEN = 24

/** Returns the tag of the notification about a need. States of one kind share a tag. */
export function tagOf({ machine_id, agent_id }: AgentRef, need: Need) {
  const name = JSON.stringify([machine_id, agent_id, need.request ? need.id : need.kind])
  return createHash('sha256').update(name).digest('base64url').slice(0, TAG_CHARS)
}

export interface MessageOptions {
  now: number
  /** Tags of all open requests; undefined if there are too many to list. */
  open: string[] | undefined
}

/** Returns the text of a notification: which agent on which machine needs what. */
export function pushText(agent: HubAgent, need: Need, { now, open }: MessageOptions): Buffer {
  const { agent_id, machine_id, title, machine_name = machine_id } = agent
  const message: PushMessage = {
    title: shown(`${title ?? agent_id} on ${machine_name}`, TITLE_CHARS),
    body: bodyOf(agent, need),
    tag: tagOf(agent, need),
    at: now,
    machine_id,
    agent_id,
    ...(need.id.length <= ID_CHARS && { need: need.id }),
    ...(need.request &&
      need.request.request_id.length <= ID_CHARS && { request_id: need.request.request_id }),
    ...(open && { open }),
  }
  const text = Buffer.from(JSON.stringify(message))
  if (text.length <= TEXT_BYTES) return text
  // Characters of other scripts take more bytes.
  const { open: _, need: __, ...short } = message
  return Buffer.from(JSON.stringify({ ...short, body: shorten(short.body, BODY_CHARS / 4) }))
}

function bodyOf(agent: HubAgent, { kind, request }: Need): string {
  if (request) return requestText(request)
  const { exit, failure, turn_failed, limited, restart_held_until } = agent
  if (kind === 'limited')
    return limited?.until === undefined
      ? 'The usage limit is reached.'
      : shown(`The usage limit is reached. It resets at ${limited.until}.`, BODY_CHARS)
  if (kind === 'permission') return 'Waits for a person.'
  if (kind === 'ended') return line('Ended', exit?.detail ?? exit?.reason)
  if (restart_held_until) return line('Crashes repeatedly', exit?.detail)
  return line('Failed', failure?.message ?? turn_failed?.message ?? turn_failed?.outcome)
}

function requestText({ ask, tool, form, questions, description, input }: PermissionRequest): string {
  if (form) return line(`Form of ${form.server}`, form.message)
  if (ask === 'question') return line('Asks', questions?.[0]?.question)
  if (ask === 'plan') return 'Approve its plan?'
  return line(`Allow ${tool}?`, inputText(input) || description)
}

/** Returns the beginning of a tool's input on one line, in which nested values are left out. */
function inputText(input: Record<string, unknown>): string {
  const entries = Object.entries(input).slice(0, FIELDS)
  const texts = entries.map(([name, value]) => {
    const text = typeof value === 'object' ? '…' : String(value).slice(0, BODY_CHARS)
    return entries.length === 1 ? text : `${name}: ${text}`
  })
  return texts.join(', ')
}

const line = (what: string, detail: string | undefined) =>
  shown(detail === undefined ? what : `${what} ${detail}`, BODY_CHARS)

/** Returns a text with all hidden characters made visible. */
const shown = (text: string, chars: number) => shorten(visibleJson(visible(text.slice(0, chars + 1))), chars)
