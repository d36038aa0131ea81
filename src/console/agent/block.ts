import type { Content } from '../../protocol/content.ts'
import type { Event } from '../../protocol/events.ts'

export type EventOf<K extends Event['kind']> = Extract<Event, { kind: K }>

interface Base {
  /** Name of the block, which stays the same while the block changes. */
  key: string
  /** Time of the block's first event (ISO 8601), if the runtime provides it. */
  time: string | undefined
}

/** A message of a person or server. A queued prompt has no content yet: the runtime reports it with the start. */
export interface PromptBlock extends Base {
  kind: 'prompt'
  content: Content | undefined
  prompt_id: string | undefined
  state: EventOf<'prompt_state'>['state'] | undefined
  /** The person who withdrew the prompt, if known. */
  by?: string
}

/** A message of the runtime in the user's place. */
export interface RuntimeMessageBlock extends Base {
  kind: 'runtime_message'
  /** The source of the message, in the runtime's words. */
  origin: string
  content: Content
}

/** State of a block that arrives in pieces. A block that is `cut` has no end. */
export type Growth = 'growing' | 'finished' | 'cut'

export interface SpokenBlock extends Base {
  kind: 'text' | 'thinking'
  text: string
  growth: Growth
  /** The runtime's name for the failure, if the runtime wrote the text because the model failed. */
  error: string | undefined
}

interface RedactedThinkingBlock extends Base {
  kind: 'redacted_thinking'
}

/** The input of a tool use that the model is still writing. The runtime does not name the tool before the end. */
export interface ToolInputBlock extends Base {
  kind: 'tool_input'
  text: string
  growth: Growth
}

/**
 * End of a request. `answered`: the agent continued, but whether the answer was yes or no is not known.
 * `unanswered`: the turn ended first.
 */
export type Answer = 'waiting' | 'allowed' | 'denied' | 'withdrawn' | 'answered' | 'unanswered'

/** A use of a tool, with everything that belongs to it. */
export interface ToolBlock extends Base {
  kind: 'tool'
  tool_use_id: string
  /** Undefined if the tool use is on an older page, and only later events are known. */
  tool: string | undefined
  input: Readonly<Record<string, unknown>>
  /** Present if the tool runs in the model's service. */
  via: string | undefined
  /** `unfinished`: the turn or process ended before the tool. */
  state: 'running' | 'succeeded' | 'failed' | 'unfinished'
  result: EventOf<'tool_result'> | undefined
  elapsed_s: number | undefined
  request: EventOf<'permission_request'> | undefined
  answer: Answer | undefined
  /** The runtime's words about a refusal. */
  denial: string | undefined
  /** The latest event of the task that the tool use started. */
  task: EventOf<'task'> | undefined
  /** Blocks of the sub-agent that the tool use started. */
  inner: readonly Block[]
  /** Number of tool uses in `inner`, at any depth. */
  inner_tools: number
  /** Number of requests in `inner` that wait for a person, at any depth. */
  inner_waiting: number
}

/** A request of an agent that belongs to no tool use, such as a form of an MCP server. */
export interface RequestBlock extends Base {
  kind: 'request'
  request: EventOf<'permission_request'>
  answer: Answer
}

/** A task that no known tool use started. */
export interface TaskBlock extends Base {
  kind: 'task'
  task: EventOf<'task'>
}

export interface TurnBlock extends Base {
  kind: 'turn'
  result: EventOf<'turn_result'>
  /** Cost of this turn, in dollars; undefined if the cost before the turn is not known. */
  cost_usd: number | undefined
}

/** Facts of a session that differ from the session before. */
export interface SessionBlock extends Base {
  kind: 'session'
  /** The facts that changed, by their names. */
  changes: readonly (readonly [name: string, value: string])[]
  /** MCP servers that do not work, with their states. */
  failed_servers: readonly string[]
}

export type Tone = 'quiet' | 'warning' | 'problem'

/** A sentence about anything else. */
export interface RemarkBlock extends Base {
  kind: 'remark'
  tone: Tone
  text: string
  /** More text, to fold. */
  detail: string | undefined
  /** True if the remark divides the conversation, such as the start of a process. */
  divides: boolean
}

/** A part of a conversation, as people read it. */
export type Block =
  | PromptBlock
  | RuntimeMessageBlock
  | SpokenBlock
  | RedactedThinkingBlock
  | ToolInputBlock
  | ToolBlock
  | RequestBlock
  | TaskBlock
  | TurnBlock
  | SessionBlock
  | RemarkBlock
