import type { Redactor } from '../agents/state/without-secrets.ts'
import { matches } from '../policy/names.ts'
import { type Blank, blanker, REDACTED } from '../policy/redaction/blank.ts'
import type { Policy } from '../policy/schema.ts'
import { Event, type FromDaemon, Limits } from '../protocol/index.ts'
import { check } from '../protocol/schema-check.ts'

/**
 * Names of fields that contain ids, or values that the protocol defines. The values of these fields stay
 * unchanged.
 */
const KEPT = new Set([
  ...['type', 'kind', 'code', 'state', 'phase', 'severity', 'ask', 'stage', 'media_type', 'capabilities'],
  ...['machine_id', 'instance_id', 'boot_id', 'agent_id', 'command_id', 'digest', 'journal', 'protocol'],
  ...['request_id', 'prompt_id', 'prompt_ids', 'message_id', 'tool_use_id', 'parent_tool_use_id', 'task_id'],
  ...['session_id', 'previous_session_id', 'conversation_id', 'hook_id', 'subagent_id'],
])
/** Names of fields with data from an agent. Every text in them may be a secret. */
const FOREIGN = new Set(['input', 'raw', 'response', 'info'])
const DELTAS = new Set(['text_delta', 'thinking_delta', 'tool_input_delta'])

/**
 * Maximum size of a frame's events, in bytes. This leaves 64 KiB, and the other fields of the frame need much
 * less.
 */
const EVENTS_BYTES = Limits.frame_bytes - 64 * 1024

type Environment = Readonly<Record<string, string | undefined>>

export interface RedactionOptions {
  /** Returns the last policy that could be read. */
  policy(): Policy | undefined
  /** The daemon's environment. */
  environment: Environment
  /** Returns the variables of all agents. */
  environments(): Iterable<Environment | undefined>
}

/**
 * Removes secrets from messages to the server. Journals still contain the secrets. The same line always gives
 * the same event, unless the policy changes.
 */
export class Redaction implements Redactor {
  readonly #options: RedactionOptions
  #policy: Policy['redact'] | undefined
  #values = new Set<string>()
  #blank: Blank | undefined

  constructor(options: RedactionOptions) {
    this.#options = options
  }

  /** Adds the variables of an agent that is about to start. */
  learn(environment: Environment = {}) {
    const before = this.#values.size
    for (const [name, value] of Object.entries(environment))
      if (value !== undefined && this.#policy?.variables.some((pattern) => matches(name, pattern)))
        this.#values.add(value)
    if (this.#values.size > before) this.#blank = undefined
  }

  get blank(): Blank | undefined {
    return this.#current()
  }

  /** Returns a message without secrets. */
  redact<M extends FromDaemon>(message: M): M {
    const blank = this.#current()
    if (!blank) return message
    if (message.type !== 'agent:activity') return without(message, blank) as M
    const before = message.events as Event[]
    const events = before.map((event) => redactedEvent(event, blank))
    // The events may become longer, because the text that replaces a secret may be longer than the secret.
    if (Buffer.byteLength(JSON.stringify(events)) <= EVENTS_BYTES) return { ...message, events }
    return {
      ...message,
      events: events.map((event, index) => (event === before[index] ? event : unsendable(event))),
    }
  }

  /** Returns a part of a message without secrets. */
  redactPart<T extends object>(part: T): T {
    const blank = this.#current()
    return blank ? (without(part, blank) as T) : part
  }

  #current(): Blank | undefined {
    const policy = this.#options.policy()?.redact
    // While the policy cannot be read, use the last policy that could be read.
    if (policy && policy !== this.#policy) {
      this.#policy = policy
      this.#values = new Set()
      this.#blank = undefined
      for (const environment of [this.#options.environment, ...this.#options.environments()])
        this.learn(environment)
    }
    if (!this.#policy || this.#policy.variables.length + this.#policy.patterns.length === 0) return undefined
    this.#blank ??= blanker(this.#values, this.#policy.patterns)
    return this.#blank
  }
}

function redactedEvent(event: Event, blank: Blank): Event {
  // Remove the text of deltas, because a secret may be split between several deltas. The whole text follows
  // in a later event.
  if (DELTAS.has(event.kind)) return { ...event, text: '' } as Event
  if (event.kind === 'unreadable') return { ...event, text: REDACTED }
  const redacted = without(event, blank) as Event
  return redacted === event || check(Event, redacted).success ? redacted : unsendable(event)
}

/** Returns a replacement for an event that became too long or invalid when its secrets were replaced. */
const unsendable = ({ offset, index }: Event): Event => ({
  ...{ offset, index, bytes: 0, text: REDACTED },
  kind: 'unreadable',
  reason: 'too_long',
})

/** Returns a value without secrets. Returns the same object if it contains no secrets. */
function without(value: unknown, blank: Blank, foreign = false): unknown {
  if (typeof value === 'string') return blank(value)
  if (typeof value !== 'object' || value === null) return value
  if (Array.isArray(value)) {
    const parts = value.map((part) => without(part, blank, foreign))
    return parts.some((part, index) => part !== value[index]) ? parts : value
  }
  let changed = false
  const entries = Object.entries(value).map(([name, part]): [string, unknown] => {
    if (!foreign && KEPT.has(name)) return [name, part]
    const entry: [string, unknown] = [
      foreign ? blank(name) : name,
      without(part, blank, foreign || FOREIGN.has(name)),
    ]
    changed ||= entry[0] !== name || entry[1] !== part
    return entry
  })
  return changed ? Object.fromEntries(entries) : value
}
