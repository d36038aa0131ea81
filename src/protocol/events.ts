import * as z from 'zod/mini'
import { JsonObject, Name } from './bounds.ts'
import { closed, closedOptional } from './closed.ts'
import { SaidContent } from './content.ts'
import { JournalName, Json, Offset } from './ids.ts'
import { marksCut, PermissionRequest } from './permission.ts'

const id = z.optional(Name)

/**
 * What an agent does, one event at a time. `(agent_id, offset, index)` identifies an event for ever: `offset` is where
 * its line starts in the agent's journal and `index` its place among the events of that line.
 */
const base = {
  offset: Offset,
  index: Offset,
  /** Set on what a sub-agent does: the tool use that started it. */
  parent_tool_use_id: id,
  /** When the runtime says it happened (ISO 8601), where it says so. */
  time: id,
}

const Usage = JsonObject
const text = z.optional(z.string())
const num = z.optional(z.number())

export const Event = z.discriminatedUnion('kind', [
  // The process
  z.object({ ...base, kind: z.literal('process_started'), run: z.int() }),
  z.object({
    ...base,
    kind: z.literal('process_exited'),
    run: z.int(),
    /** As a shell reports it: 128 + n for signal n. Absent when nobody saw the end (reboot, launcher killed). */
    code: z.optional(z.int()),
    signal: id,
    /** `lease`: ended by its launcher because nobody came back in time. `rebooted`: gone with the machine's last boot. */
    reason: closedOptional(['lease', 'rebooted']),
  }),
  /**
   * The machine was set back to an earlier day: this generation of the journal goes on from byte `from` of the one
   * before, of which it no longer has the bytes up to `to`.
   */
  z.object({
    ...base,
    kind: z.literal('set_back'),
    journal: z.optional(JournalName),
    from: Offset,
    to: Offset,
  }),
  // The session
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
  }),
  // What it says
  z.object({ ...base, kind: z.literal('text_delta'), message_id: id, block: z.int(), text: z.string() }),
  z.object({
    ...base,
    kind: z.literal('thinking_delta'),
    message_id: id,
    block: z.int(),
    text: z.string(),
  }),
  z.object({
    ...base,
    kind: z.literal('tool_input_delta'),
    message_id: id,
    block: z.int(),
    text: z.string(),
  }),
  z.object({
    ...base,
    kind: z.literal('text'),
    message_id: id,
    text: z.string(),
    /** Set where the runtime speaks in the model's place: `authentication_failed`, `rate_limit`, `model_not_found`, … */
    error: text,
  }),
  z.object({ ...base, kind: z.literal('thinking'), message_id: id, text: z.string() }),
  /** Thoughts that the model's service gives in encrypted form only. */
  z.object({ ...base, kind: z.literal('redacted_thinking'), message_id: id, data: text }),
  z.object({
    ...base,
    kind: z.literal('user'),
    content: SaidContent,
    prompt_id: id,
    /**
     * Set on what nobody gave the agent as a prompt: `runtime`, `command_output`, `interrupt`, `agent` (which prompts
     * its sub-agent), or what the runtime calls it, such as `task-notification`.
     */
    origin: id,
  }),
  // What it does
  z.object({
    ...base,
    kind: z.literal('tool_use'),
    message_id: id,
    tool_use_id: Name,
    tool: Name,
    input: JsonObject,
    /** Set where the tool does not run on the machine: the runtime's name for its kind, such as `server_tool_use`. */
    via: id,
  }),
  z.object({
    ...base,
    kind: z.literal('tool_result'),
    tool_use_id: Name,
    is_error: z.boolean(),
    content: Json,
    /** The same for its result, such as `web_search_tool_result`. */
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
  /** A prompt that no turn came of, because a hook or a rule of the runtime's kept it from the model. */
  z.object({ ...base, kind: z.literal('prompt_rejected'), reason: text }),
  z.object({
    ...base,
    kind: z.literal('turn_result'),
    /** `success`, `error_during_execution`, `error_max_turns`, `error_max_budget_usd`, or what a newer runtime says. */
    outcome: Name,
    is_error: z.boolean(),
    text: text,
    errors: z.optional(z.array(z.string())),
    num_turns: num,
    duration_ms: num,
    /** Of the process so far, not of this turn alone. */
    total_cost_usd: num,
    usage: z.optional(Usage),
    model_usage: z.optional(Usage),
    stop_reason: id,
    terminal_reason: id,
    /** Whether the turn was ended by an interrupt, which is no failure; `is_error` is set then, too. */
    interrupted: z.optional(z.boolean()),
    api_error_status: z.optional(z.union([z.int(), z.string()])),
    session_id: id,
    prompt_ids: z.optional(z.array(z.string())),
    permission_denials: z.optional(z.array(Json)),
    /** What began the turn, where no prompt did, such as `task-notification`. */
    origin: id,
    /** Why the runtime did not start, as it calls it: `bypass_root`, `cwd_unavailable`, … */
    startup_failure_reason: id,
  }),
  // Around it
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
  /** A program of the user's that the runtime runs at certain moments. */
  z.object({
    ...base,
    kind: z.literal('hook'),
    hook_id: id,
    name: Name,
    /** `started`, `progress` or `ended`, or what a newer runtime says. */
    phase: Name,
    /** `success`, `error`, `cancelled` (by its time limit or an interrupt), or what a newer runtime says. */
    outcome: id,
    /** 2 is a hook's way to refuse what it was asked about, and no failure. */
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
  /** Something the runtime says to people, and not to the model. */
  z.object({
    ...base,
    kind: z.literal('notice'),
    /** The runtime's name for its kind: `informational`, `notification`, `model_refusal_fallback`, … */
    about: Name,
    text: z.string(),
    /** Its importance or outcome, in the runtime's words. */
    level: id,
    /** With `about: control_request`: a request of the runtime's that the daemon does not know, and refuses. */
    request_id: id,
    info: Json,
  }),
  /** The conversation goes on from nothing, in another session. */
  z.object({
    ...base,
    kind: z.literal('conversation_reset'),
    /** The runtime's name for what begins; it is no session's. */
    conversation_id: Name,
    previous_session_id: id,
    /** `clear`, `plan_mode_exit`, … */
    trigger: id,
    prompt_id: id,
  }),
  /** The runtime's answer to something the daemon asked of it (readiness, interrupt, a changed model, …). */
  z.object({
    ...base,
    kind: z.literal('reply'),
    request_id: Name,
    ok: z.boolean(),
    error: text,
    code: id,
    response: z.optional(Json),
  }),
  /** A line that is JSON but not known here: passed on as it is. */
  z.object({ ...base, kind: z.literal('unknown'), raw: Json }),
  /** A line that cannot be read: torn by a kill, not JSON, or longer or deeper than the limit. `text` is its head. */
  z.object({
    ...base,
    kind: z.literal('unreadable'),
    reason: closed(['torn', 'not_json', 'too_long', 'too_deep'], 'not_json'),
    bytes: z.int(),
    text: z.string(),
  }),
])
export type Event = z.infer<typeof Event>

const kinds = Event._zod.propValues.kind!

/** Of a newer daemon, and of a kind that is not known here. */
const NewerEvent = z.looseObject({
  offset: Offset,
  index: Offset,
  kind: z
    .string()
    .check(z.refine((kind) => !kinds.has(kind), { abort: true }))
    .register(z.globalRegistry, { not: { enum: [...kinds] } }),
})

/** An event as it comes from elsewhere: one of an unknown kind is kept and passed on as it is. */
export const AnyEvent = z.union([Event, NewerEvent])
export type AnyEvent = z.infer<typeof AnyEvent>
