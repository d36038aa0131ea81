import type { EventBody } from '../conversation.ts'
import { compact, type Fields, fields, integer, known, list, number, text, textList } from './fields.ts'
import { notice, notices } from './notice.ts'

const STATES: Record<string, 'running' | 'waiting' | 'idle'> = {
  running: 'running',
  requires_action: 'waiting',
  idle: 'idle',
}

const PHASES = {
  task_started: 'started',
  task_progress: 'progress',
  task_updated: 'updated',
  task_notification: 'ended',
} as const

/** Decoders for lines of `type: system`, by `subtype`. */
const decoders: Record<string, (line: Fields) => EventBody[] | undefined> = {
  ...notices,
  init(line) {
    const id = text(line.session_id)
    if (id === undefined) return undefined
    return [
      compact({
        kind: 'session',
        session_id: id,
        model: text(line.model),
        cwd: text(line.cwd),
        permission_mode: text(line.permissionMode),
        tools: textList(line.tools),
        mcp_servers: list(line.mcp_servers),
        runtime_version: text(line.claude_code_version),
      }),
    ]
  },
  session_state_changed(line) {
    const state = known(STATES, line.state)
    return state && [{ kind: 'state', state }]
  },
  status(line) {
    // Reports that a request was sent to the model. The state and the model's answer show this, too.
    if (line.status === 'requesting') return []
    if (line.status === 'compacting') return [{ kind: 'compaction_started' }]
    const failed: EventBody[] =
      line.compact_result === 'failed'
        ? [compact({ kind: 'compaction_failed', error: text(line.compact_error) })]
        : []
    // The permission mode has changed, either by request or because planning has ended.
    const id = text(line.session_id)
    const mode = text(line.permissionMode)
    if (line.status === null && id !== undefined && mode !== undefined)
      return [...failed, { kind: 'session', session_id: id, permission_mode: mode }]
    // The line `compact_boundary` has already reported the success.
    return failed.length > 0 || line.compact_result === 'success' ? failed : undefined
  },
  // Ignore estimates of the number of tokens, because the result has the exact number.
  thinking_tokens: () => [],
  api_retry(line) {
    const attempt = integer(line.attempt)
    if (attempt === undefined) return undefined
    return [
      compact({
        kind: 'retry',
        attempt,
        max_retries: number(line.max_retries),
        delay_ms: number(line.retry_delay_ms),
        status: number(line.error_status),
        error: text(line.error),
      }),
    ]
  },
  compact_boundary(line) {
    const about = fields(line.compact_metadata)
    return [
      compact({
        kind: 'compaction',
        trigger: text(about?.trigger),
        pre_tokens: number(about?.pre_tokens),
        post_tokens: number(about?.post_tokens),
      }),
    ]
  },
  permission_denied: (line) => [
    compact({
      kind: 'permission_denied',
      tool: text(line.tool_name),
      tool_use_id: text(line.tool_use_id),
      message: text(line.message) ?? text(line.decision_reason),
      reason: text(line.decision_reason),
      subagent_id: text(line.agent_id),
    }),
  ],
  background_tasks_changed(line) {
    const tasks = list(line.tasks)
    return tasks && [{ kind: 'background_tasks', tasks }]
  },
  informational: (line) => refusal(line) ?? notice('informational', text(line.content), line),
  hook_started: hook,
  hook_progress: hook,
  hook_response: hook,
  task_started: task,
  task_progress: task,
  task_updated: task,
  task_notification: task,
}

const REFUSALS = ['UserPromptSubmit operation blocked by hook:', 'Operation stopped by hook:']
const REFUSED_PROMPT = '\n\nOriginal prompt: '

/**
 * Decodes a line that reports that a hook refused a prompt. Older versions, such as 2.1.260, report the
 * refusal only as text for people.
 */
function refusal(line: Fields): EventBody[] | undefined {
  if (line.prevent_continuation !== true) return undefined
  const outcome = fields(line.prompt_submit_outcome)
  const said = text(line.content) ?? ''
  const words = REFUSALS.find((start) => said.startsWith(start))
  if (words === undefined && text(outcome?.kind) === undefined) return undefined
  const reason = text(outcome?.reason) ?? said.slice(words?.length).split(REFUSED_PROMPT, 1)[0]?.trim()
  return [compact({ kind: 'prompt_rejected', reason: reason || undefined })]
}

export const system = (line: Fields): EventBody[] | undefined => known(decoders, line.subtype)?.(line)

const HOOK_PHASES = { hook_started: 'started', hook_progress: 'progress', hook_response: 'ended' } as const

function hook(line: Fields): EventBody[] | undefined {
  const name = text(line.hook_name) ?? text(line.hook_event)
  if (name === undefined) return undefined
  return [
    compact({
      kind: 'hook',
      hook_id: text(line.hook_id),
      name,
      phase: HOOK_PHASES[line.subtype as keyof typeof HOOK_PHASES],
      outcome: text(line.outcome),
      exit_code: number(line.exit_code),
      output: text(line.output),
    }),
  ]
}

function task(line: Fields): EventBody[] | undefined {
  const id = text(line.task_id)
  if (id === undefined) return undefined
  const { type: _type, subtype: _subtype, session_id: _session, uuid: _uuid, ...info } = line
  return [
    compact({
      kind: 'task',
      task_id: id,
      phase: PHASES[line.subtype as keyof typeof PHASES],
      tool_use_id: text(line.tool_use_id),
      task_type: text(line.task_type),
      status: text(line.status) ?? text(fields(line.patch)?.status),
      description: text(line.description),
      summary: text(line.summary),
      info,
    }),
  ]
}
