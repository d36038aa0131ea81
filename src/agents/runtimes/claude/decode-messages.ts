import { type ContentBlock, Limits } from '../../../protocol/index.ts'
import type { EventBody } from '../conversation.ts'
import { compact, type Fields, fields, flag, integer, known, list, text } from './fields.ts'
import { sayer } from './user-line.ts'

/** Returns a message's origin and time, if it has them. */
const origin = (line: Fields) =>
  compact({ parent_tool_use_id: text(line.parent_tool_use_id), time: text(line.timestamp) })

/** Number of events after which the decoding of a line stops: the line then exceeds the limit on events. */
const ENOUGH_EVENTS = Limits.line_events + 1

/** Decodes finished blocks of the model's output. */
export function assistant(line: Fields): EventBody[] | undefined {
  const message = fields(line.message)
  const blocks = list(message?.content)
  if (!message || !blocks) return undefined
  const base = { ...origin(line), ...compact({ message_id: text(message.id) }) }
  // Set if the model failed, so that Claude Code itself wrote the message.
  const error = compact({ error: text(line.error) })
  return blocks.slice(0, ENOUGH_EVENTS).map((entry): EventBody => {
    const block = fields(entry)
    const said = text(block?.text)
    if (block?.type === 'text' && said !== undefined) return { kind: 'text', ...base, text: said, ...error }
    const thought = text(block?.thinking)
    if (block?.type === 'thinking' && thought !== undefined)
      return { kind: 'thinking', ...base, text: thought }
    if (block?.type === 'redacted_thinking')
      return compact({ kind: 'redacted_thinking', ...base, data: text(block.data) })
    return toolUse(block, base) ?? toolResult(entry, origin(line)) ?? { kind: 'unknown', raw: entry }
  })
}

/** Decodes a tool use, including tools that the model's service runs itself: `server_tool_use`, `mcp_tool_use`. */
function toolUse(block: Fields | undefined, base: object): EventBody | undefined {
  const type = text(block?.type)
  const id = text(block?.id)
  const tool = text(block?.name)
  const input = fields(block?.input)
  if (!type?.endsWith('tool_use') || id === undefined || tool === undefined || !input) return undefined
  return {
    kind: 'tool_use',
    ...base,
    tool_use_id: id,
    tool,
    input,
    ...(type !== 'tool_use' && { via: type }),
  }
}

/**
 * Decodes tool results, prompts in the form in which the model gets them, and messages that Claude Code adds
 * in the user's place.
 */
export function user(line: Fields): EventBody[] | undefined {
  const base = origin(line)
  const { content, ...of } = sayer(line)
  const said = { ...base, ...of }
  if (typeof content === 'string') return content === '' ? undefined : [{ kind: 'user', ...said, content }]
  const events: EventBody[] = []
  let blocks: ContentBlock[] = []
  const flush = () => {
    if (blocks.length > 0) events.push({ kind: 'user', ...said, content: blocks })
    blocks = []
  }
  for (const entry of list(content) ?? []) {
    if (events.length >= ENOUGH_EVENTS) break
    const block = contentBlock(entry)
    if (block) blocks.push(block)
    else {
      flush()
      events.push(toolResult(entry, base) ?? { kind: 'unknown', raw: entry })
    }
  }
  flush()
  return events.length > 0 ? events : undefined
}

function contentBlock(entry: unknown): ContentBlock | undefined {
  const block = fields(entry)
  const words = text(block?.text)
  if (block?.type === 'text' && words !== undefined) return { type: 'text', text: words }
  const source = fields(block?.source)
  const data = text(source?.data)
  const type = MEDIA_TYPES.find((known) => known === source?.media_type)
  return block?.type === 'image' && data && BASE64.test(data) && type
    ? { type: 'image', media_type: type, data }
    : undefined
}

const MEDIA_TYPES = ['image/png', 'image/jpeg', 'image/gif', 'image/webp'] as const
const BASE64 = /^[A-Za-z0-9+/]+={0,2}$/

function toolResult(entry: unknown, base: object): EventBody | undefined {
  const block = fields(entry)
  const id = text(block?.tool_use_id)
  const type = text(block?.type)
  if (!block || !type?.endsWith('tool_result') || id === undefined) return undefined
  // If the model's service ran the tool, a failure is a separate block.
  const failed = text(fields(block.content)?.type)?.endsWith('_error')
  return {
    kind: 'tool_result',
    ...base,
    tool_use_id: id,
    is_error: flag(block.is_error) ?? failed ?? false,
    content: block.content ?? '',
    ...(type !== 'tool_result' && { via: type }),
  }
}

/**
 * Types of stream events around the deltas. These events contain nothing that is not in the finished blocks
 * and the result.
 */
const FRAMING = new Set([
  'message_start',
  'message_delta',
  'message_stop',
  'content_block_start',
  'content_block_stop',
  'ping',
])

const DELTAS: Record<string, { kind: 'text_delta' | 'thinking_delta' | 'tool_input_delta'; field: string }> =
  {
    text_delta: { kind: 'text_delta', field: 'text' },
    thinking_delta: { kind: 'thinking_delta', field: 'thinking' },
    input_json_delta: { kind: 'tool_input_delta', field: 'partial_json' },
  }

export function streamEvent(line: Fields): EventBody[] | undefined {
  const event = fields(line.event)
  const type = text(event?.type)
  if (!event || type === undefined) return undefined
  if (FRAMING.has(type)) return []
  const delta = fields(event.delta)
  const block = integer(event.index)
  if (type !== 'content_block_delta' || !delta || block === undefined) return undefined
  // The finished block contains the signature and the citations.
  if (delta.type === 'signature_delta' || delta.type === 'citations_delta') return []
  const found = known(DELTAS, delta.type)
  const words = found && text(delta[found.field])
  if (!found || words === undefined) return undefined
  return [
    {
      kind: found.kind,
      ...origin(line),
      ...compact({ message_id: text(line.api_message_id) }),
      block,
      text: words,
    },
  ]
}
