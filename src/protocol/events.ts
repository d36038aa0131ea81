import * as z from 'zod/mini'
import { JsonObject, Name } from './bounds.ts'
import { closed, closedOptional } from './closed.ts'
import { SaidContent } from './content.ts'
import { JournalName, Json, Offset } from './ids.ts'
import { marksCut, PermissionRequest } from './permission.ts'

const id = z.optional(Name)

/**
 * Fields of every event. `(agent_id, offset, index)` identifies an event permanently: `offset` is the
 * position of the event's line in the agent's journal, and `index` is the position of the event among the
 * events of that line.
 */
const base = {
  offset: Offset,
  index: Offset,
  /** Present if a sub-agent caused the event: the tool use that started the sub-agent. */
  parent_tool_use_id: id,
  /** Time of the event (ISO 8601), if the runtime provides it. */
  time: id,
}

const Usage = JsonObject
const text = z.optional(z.string())
const num = z.optional(z.number())

/** Fields of a delta: a piece of a block that is still being written. */
const delta = { ...base, message_id: id, block: z.int(), text: z.string() }

export const Event = z.discriminatedUnion('kind', [
  // Process
  z.object({ ...base, kind: z.literal('process_started'), run: z.int() }),
  z.object({
    ...base,
    kind: z.literal('process_exited'),
    run: z.int(),
    /**
     * Exit code as a shell reports it: 128 + n for signal n. Absent if the daemon did not observe the end.
     */
    code: z.optional(z.int()),
    signal: id,
    /** `lease`: no daemon or server came back in time. `rebooted`: the machine rebooted. */
    reason: closedOptional(['lease', 'rebooted']),
  }),
  /**
   * The machine was rolled back to an earlier state. This generation of the journal continues from byte
   * `from` of the previous generation. The machine no longer has the bytes of the previous generation from
   * `from` to `to`.
   */
  z.object({
    ...base,
    kind: z.literal('set_back'),
    journal: z.optional(JournalName),
    from: Offset,
    to: Offset,
  }),
  // Session
  z.object({
    ...base,
    kind: z.literal('session'),
    session_id: Name,
    model: id,
    cwd: text,
    permission_mode: id,
    tools: z.optional(z.array(z.string())),
    mcp_servers: z.optional(z.array(Json)),
    runtime_version: id,
  }),
  z.object({ ...base, kind: z.literal('state'), state: closed(['running', 'waiting', 'idle'], 'running') }),
  z.object({
    ...base,
    kind: z.literal('prompt_state'),
    prompt_id: Name,
    state: closed(['queued', 'started', 'completed', 'cancelled'], 'queued'),
    /** With `cancelled`: who withdrew the prompt, if the machine itself withdrew it and knows. */
    by: id,
  }),
  // Conversation
  z.object({ ...delta, kind: z.literal('text_delta') }),
  z.object({ ...delta, kind: z.literal('thinking_delta') }),
  z.object({ ...delta, kind: z.literal('tool_input_delta') }),
  z.object({
    ...base,
    kind: z.literal('text'),
    message_id: id,
    text: z.string(),
    /**
     * Present if the runtime, not the model, wrote the text. The value is the reason:
     * `authentication_failed`, `rate_limit`, `model_not_found`, …
     */
    error: text,
  }),
  z.object({ ...base, kind: z.literal('thinking'), message_id: id, text: z.string() }),
  /** Thoughts that the model's service returns only in encrypted form. */
  z.object({ ...base, kind: z.literal('redacted_thinking'), message_id: id, data: text }),
  z.object({
    ...base,
    kind: z.literal('user'),
    content: SaidContent,
    prompt_id: id,
    /**
     * Present on input that is not a prompt from a person or server: `runtime`, `command_output`,
     * `interrupt`, `agent` (a prompt to its sub-agent), or the runtime's own name for the source, such as
     * `task-notification`.
     */
    origin: id,
  }),
  // Tools and turns
  z.object({
    ...base,
    kind: z.literal('tool_use'),
    message_id: id,
    tool_use_id: Name,
    tool: Name,
    input: JsonObject,
    /**
     * Present if the tool runs in the model's service: the runtime's name for the block, such as
     * `server_tool_use`.
     */
    via: id,
  }),
  z.object({
    ...base,
    kind: z.literal('tool_result'),
    tool_use_id: Name,
    is_error: z.boolean(),
    content: Json,
    /**
     * Present if the tool ran in the model's service: the runtime's name for the block, such as
     * `web_search_tool_result`.
     */
    via: id,
  }),
  z.object({ ...base, kind: z.literal('tool_progress'), tool_use_id: id, tool: id, elapsed_s: num }),
  z.object({ ...base, kind: z.literal('permission_request'), ...PermissionRequest.shape }).check(marksCut()),
  z.object({ ...base, kind: z.literal('permission_withdrawn'), request_id: Name }),
  z.object({
    ...base,
    kind: z.literal('permission_denied'),
    tool: id,
    tool_use_id: id,
    message: text,
    reason: text,
    subagent_id: id,
  }),
  /** A prompt that started no turn, because a hook or a rule of the runtime refused it. */
  z.object({ ...base, kind: z.literal('prompt_rejected'), reason: text }),
  z.object({
    ...base,
    kind: z.literal('turn_result'),
    /**
     * `success`, `error_during_execution`, `error_max_turns`, `error_max_budget_usd`, or the value of a newer
     * runtime.
     */
    outcome: Name,
    is_error: z.boolean(),
    text: text,
    errors: z.optional(z.array(z.string())),
    num_turns: num,
    duration_ms: num,
    /** Cost of the process so far, not of this turn alone. */
    total_cost_usd: num,
    usage: z.optional(Usage),
    model_usage: z.optional(Usage),
    stop_reason: id,
    terminal_reason: id,
    /**
     * True if the turn was interrupted. An interrupted turn has not failed, although its `is_error` is true
     * as well.
     */
    interrupted: z.optional(z.boolean()),
    api_error_status: z.optional(z.union([z.int(), z.string()])),
    /** True if the usage limit of the account ended the turn. */
    usage_limit: z.optional(z.literal(true)),
    session_id: id,
    prompt_ids: z.optional(z.array(z.string())),
    permission_denials: z.optional(z.array(Json)),
    /** Cause of a turn that was not started by a prompt, such as `task-notification`. */
    origin: id,
    /** The runtime's reason for not starting: `bypass_root`, `cwd_unavailable`, … */
    startup_failure_reason: id,
  }),
  // Other events
  z.object({
    ...base,
    kind: z.literal('rate_limit'),
    status: z.string(),
    limit: id,
    utilization: num,
    /** Seconds since 1970. */
    resets_at: num,
    info: Json,
  }),
  z.object({
    ...base,
    kind: z.literal('retry'),
    attempt: z.int(),
    max_retries: num,
    delay_ms: num,
    status: num,
    error: text,
  }),
  /** A user's program that the runtime runs at certain points. */
  z.object({
    ...base,
    kind: z.literal('hook'),
    hook_id: id,
    name: Name,
    /** `started`, `progress`, `ended`, or the value of a newer runtime. */
    phase: Name,
    /**
     * `success`, `error`, `cancelled` (by its time limit or an interrupt), or the value of a newer runtime.
     */
    outcome: id,
    /** If it is 2, the hook refused the agent's action. This is not a failure of the hook. */
    exit_code: num,
    output: text,
  }),
  z.object({
    ...base,
    kind: z.literal('compaction'),
    trigger: id,
    pre_tokens: num,
    post_tokens: num,
  }),
  z.object({ ...base, kind: z.literal('compaction_started') }),
  z.object({ ...base, kind: z.literal('compaction_failed'), error: text }),
  z.object({
    ...base,
    kind: z.literal('task'),
    task_id: Name,
    phase: closed(['started', 'progress', 'updated', 'ended'], 'updated'),
    tool_use_id: id,
    task_type: id,
    status: text,
    description: text,
    summary: text,
    info: Json,
  }),
  z.object({ ...base, kind: z.literal('background_tasks'), tasks: z.array(Json) }),
  /** A message from the runtime to people, not to the model. */
  z.object({
    ...base,
    kind: z.literal('notice'),
    /**
     * The runtime's name for the kind of message: `informational`, `notification`, `model_refusal_fallback`,
     * …
     */
    about: Name,
    text: z.string(),
    /** Importance or outcome of the message, in the runtime's words. */
    level: id,
    /**
     * With `about: control_request`: id of the runtime's request that the daemon does not know and has
     * refused.
     */
    request_id: id,
    info: Json,
  }),
  /** The conversation starts again in a new session. */
  z.object({
    ...base,
    kind: z.literal('conversation_reset'),
    /** The runtime's id for the new conversation; it is not a session id. */
    conversation_id: Name,
    previous_session_id: id,
    /** `clear`, `plan_mode_exit`, … */
    trigger: id,
    prompt_id: id,
  }),
  /** The runtime's answer to a request from the daemon (readiness, interrupt, a changed model, …). */
  z.object({
    ...base,
    kind: z.literal('reply'),
    request_id: Name,
    ok: z.boolean(),
    error: text,
    code: id,
    response: z.optional(Json),
  }),
  /** A line of JSON that this daemon does not know, unchanged. */
  z.object({ ...base, kind: z.literal('unknown'), raw: Json }),
  /**
   * A line that cannot be read: its writer was killed, or the line is not JSON, too long, or too deep.
   * `text` is the beginning of the line.
   */
  z.object({
    ...base,
    kind: z.literal('unreadable'),
    reason: closed(['torn', 'not_json', 'too_long', 'too_deep'], 'not_json'),
    bytes: z.int(),
    text: z.string(),
  }),
])
export type Event = z.infer<typeof Event>
