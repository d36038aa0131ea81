import { isDeeper } from '../../../protocol/nesting.ts'
import type { EventBody } from '../conversation.ts'
import { assistant, streamEvent, user } from './decode-messages.ts'
import { system } from './decode-system.ts'
import { elicitation } from './elicitation.ts'
import { compact, type Fields, fields, flag, integer, known, list, number, text, textList } from './fields.ts'
import { notice } from './notice.ts'

/** Maximum number of characters in the event for a line that is not JSON. */
const UNREADABLE_HEAD_CHARS = 4096
/** A notice quotes a refused request only up to this nesting depth. */
const INFO_DEPTH = 100

/**
 * Decoders by the `type` of a line. A decoder returns undefined if fields that it needs are missing. The
 * event then contains the raw line, so that nothing from a newer Claude Code is lost.
 */
const decoders: Record<string, (line: Fields) => EventBody[] | undefined> = {
  assistant,
  user,
  stream_event: streamEvent,
  system,
  result,
  command_lifecycle: promptState,
  control_request: controlRequest,
  control_cancel_request: permissionWithdrawn,
  control_response: reply,
  rate_limit_event: rateLimit,
  tool_progress: toolProgress,
  tool_use_summary: (line) => notice('tool_use_summary', text(line.summary), line),
  auth_status: (line) => notice('auth_status', text(line.error) ?? textList(line.output)?.join('\n'), line),
  conversation_reset: conversationReset,
  keep_alive: () => [],
}

export function decode(line: string): EventBody[] {
  let json: unknown
  try {
    json = JSON.parse(line)
  } catch {
    return unreadable(line)
  }
  const parsed = fields(json)
  if (!parsed) return unreadable(line)
  return known(decoders, parsed.type)?.(parsed) ?? [{ kind: 'unknown', raw: json }]
}

const unreadable = (line: string): EventBody[] => [
  {
    kind: 'unreadable',
    reason: 'not_json',
    bytes: Buffer.byteLength(line),
    text: line.slice(0, UNREADABLE_HEAD_CHARS),
  },
]

function result(line: Fields): EventBody[] | undefined {
  const outcome = text(line.subtype)
  const isError = flag(line.is_error)
  if (outcome === undefined || isError === undefined) return undefined
  const status = line.api_error_status
  const reason = text(line.terminal_reason)
  return [
    compact({
      kind: 'turn_result',
      outcome,
      is_error: isError,
      text: text(line.result),
      errors: textList(line.errors),
      num_turns: number(line.num_turns),
      duration_ms: number(line.duration_ms),
      total_cost_usd: number(line.total_cost_usd),
      usage: fields(line.usage),
      model_usage: fields(line.modelUsage),
      stop_reason: text(line.stop_reason),
      terminal_reason: reason,
      interrupted: (isError && reason?.startsWith('aborted_')) || undefined,
      api_error_status: integer(status) ?? text(status),
      usage_limit: line.api_error === 'usage_limit_reached' || undefined,
      session_id: text(line.session_id),
      prompt_ids: textList(line.user_message_uuids),
      permission_denials: list(line.permission_denials),
      origin: text(fields(line.origin)?.kind),
      startup_failure_reason: text(line.startup_failure_reason),
    }),
  ]
}

const PROMPT_STATES: Record<string, 'queued' | 'started' | 'completed' | 'cancelled'> = {
  queued: 'queued',
  started: 'started',
  completed: 'completed',
  cancelled: 'cancelled',
  // The prompt was still queued when the session ended.
  discarded: 'cancelled',
}

function promptState(line: Fields): EventBody[] | undefined {
  const id = text(line.command_uuid)
  const state = known(PROMPT_STATES, line.state)
  return id === undefined || !state ? undefined : [{ kind: 'prompt_state', prompt_id: id, state }]
}

/** Decodes a request to which Claude Code needs an answer. Unknown and incomplete requests are refused. */
function controlRequest(line: Fields): EventBody[] | undefined {
  const id = text(line.request_id)
  const request = fields(line.request)
  if (id === undefined || !request) return undefined
  return known(requests, request.subtype)?.(id, request) ?? refused(id, text(request.subtype), line)
}

const requests: Record<string, (id: string, request: Fields) => EventBody[] | undefined> = {
  can_use_tool: permissionRequest,
  elicitation,
}

const refused = (id: string, subtype: string | undefined, { request: info }: Fields): EventBody[] => [
  {
    kind: 'notice',
    about: 'control_request',
    text: `The daemon refused a request of the agent that it does not support: "${subtype ?? 'unnamed'}".`,
    level: 'warning',
    request_id: id,
    // Leave out a deeply nested request, since only the request's id is needed to refuse it.
    info: isDeeper(info, INFO_DEPTH) ? null : info,
  },
]

function permissionRequest(id: string, request: Fields): EventBody[] | undefined {
  const tool = text(request.tool_name)
  const input = fields(request.input)
  if (tool === undefined || !input) return undefined
  const questions = tool === 'AskUserQuestion' ? questionsOf(input) : undefined
  return [
    compact({
      kind: 'permission_request',
      request_id: id,
      ask: questions ? 'question' : tool === 'ExitPlanMode' ? 'plan' : 'tool',
      tool,
      tool_use_id: text(request.tool_use_id),
      input,
      description: text(request.description),
      reason: text(request.decision_reason),
      blocked_path: text(request.blocked_path),
      questions,
      suggestions: list(request.permission_suggestions),
      parent_tool_use_id: text(request.parent_tool_use_id),
      subagent_id: text(request.agent_id),
    }),
  ]
}

function questionsOf(input: Fields) {
  const questions = list(input.questions)?.map((entry) => {
    const asked = fields(entry)
    const question = text(asked?.question)
    if (!asked || question === undefined) return undefined
    const options = (list(asked.options) ?? []).flatMap((entry) => {
      const option = fields(entry)
      const label = text(option?.label)
      return label === undefined ? [] : [compact({ label, description: text(option?.description) })]
    })
    return compact({ question, header: text(asked.header), multi_select: flag(asked.multiSelect), options })
  })
  return questions?.every((question) => question !== undefined) ? questions : undefined
}

function permissionWithdrawn(line: Fields): EventBody[] | undefined {
  const id = text(line.request_id)
  return id === undefined ? undefined : [{ kind: 'permission_withdrawn', request_id: id }]
}

function reply(line: Fields): EventBody[] | undefined {
  const response = fields(line.response)
  const id = text(response?.request_id)
  if (!response || id === undefined) return undefined
  return [
    compact({
      kind: 'reply',
      request_id: id,
      ok: response.subtype === 'success',
      error: text(response.error),
      code: text(response.error_code),
      response: response.response,
    }),
  ]
}

function rateLimit(line: Fields): EventBody[] | undefined {
  const info = fields(line.rate_limit_info)
  const status = text(info?.status)
  if (!info || status === undefined) return undefined
  return [
    compact({
      kind: 'rate_limit',
      status,
      limit: text(info.rateLimitType),
      utilization: number(info.utilization),
      resets_at: number(info.resetsAt),
      info,
    }),
  ]
}

function conversationReset(line: Fields): EventBody[] | undefined {
  const id = text(line.new_conversation_id)
  if (id === undefined) return undefined
  return [
    compact({
      kind: 'conversation_reset',
      conversation_id: id,
      previous_session_id: text(line.session_id),
      trigger: text(line.trigger),
      prompt_id: text(line.user_message_uuid),
      time: text(line.timestamp),
    }),
  ]
}

function toolProgress(line: Fields): EventBody[] {
  const parent = text(line.parent_tool_use_id)
  // In a heartbeat, the parent's id is the id of the tool use.
  const isHeartbeat = line.heartbeat === true
  return [
    compact({
      kind: 'tool_progress',
      tool_use_id: isHeartbeat ? parent : text(line.tool_use_id),
      tool: text(line.tool_name),
      elapsed_s: number(line.elapsed_time_seconds),
      parent_tool_use_id: isHeartbeat ? undefined : parent,
    }),
  ]
}
