import type { Agent } from '../../agents/agent.ts'
import type { Redactor } from '../../agents/state/without-secrets.ts'
import type { TracesConfig } from '../../config/traces-config.ts'
import type { Clock } from '../../platform/clock.ts'
import type { Logger } from '../../platform/log.ts'
import type { Event } from '../../protocol/index.ts'
import { collector } from './collector.ts'
import type { Attributes, Span } from './span.ts'
import { SpanExporter } from './span-exporter.ts'
import { parseTraceparent } from './trace-context.ts'
import { type AgentFacts, type Content, TurnSpans } from './turn-spans.ts'

/** Kinds of events that come often, and neither begin nor end a span. */
const FREQUENT = new Set<Event['kind']>(['text_delta', 'thinking_delta', 'tool_input_delta', 'tool_progress'])
/** Maximum length of the content in an attribute, in characters. */
const CONTENT_CHARS = 4096
/** Maximum difference between the time of an event and the time of reading it, in ms. */
const SKEW_MS = 24 * 3_600_000

export interface TracesOptions {
  machine: { readonly machine_id: string }
  redaction: Redactor
  clock: Clock
  logger: Logger
}

/** Sends a trace of each turn to a collector. A failure here never affects agents or their activity. */
export class Traces {
  readonly #options: TracesOptions
  readonly #exporter: SpanExporter
  readonly #content: Content
  readonly #agents = new WeakMap<Agent, TurnSpans>()

  constructor({ content, ...config }: TracesConfig, options: TracesOptions) {
    const { machine, redaction, clock, logger } = options
    this.#options = options
    const post = collector({ ...config, machineId: machine.machine_id, env: process.env })
    this.#exporter = new SpanExporter({ post, clock, logger })
    this.#content = content ? (name, value) => contentOf(name, value, redaction) : () => ({})
  }

  onEvent(event: Event, agent: Agent) {
    if (FREQUENT.has(event.kind)) return
    this.#observe(agent, (spans, facts) => spans.onEvent(event, facts, this.#timeOf(event)))
  }

  onChange(agent: Agent) {
    if (!this.#agents.has(agent)) return
    this.#observe(agent, (spans, facts) => spans.onChange(facts, this.#options.clock.now()))
  }

  /** Sends the remaining spans, for a bounded time. */
  close(): Promise<void> {
    return this.#exporter.close()
  }

  #observe(agent: Agent, observe: (spans: TurnSpans, facts: AgentFacts) => Span[]) {
    try {
      let spans = this.#agents.get(agent)
      if (!spans) {
        spans = new TurnSpans(this.#content)
        this.#agents.set(agent, spans)
      }
      const finished = observe(spans, factsOf(agent))
      if (finished.length > 0) this.#exporter.add(finished)
    } catch (error) {
      this.#options.logger.debug({ agent_id: agent.id, err: error }, 'could not trace an event')
    }
  }

  /** Returns the time of an event, in ms since 1970. Most runtimes give no time. */
  #timeOf({ time }: Event): number {
    const now = this.#options.clock.now()
    const given = time === undefined ? Number.NaN : Date.parse(time)
    return Math.abs(now - given) < SKEW_MS ? Math.min(given, now) : now
  }
}

function factsOf(agent: Agent): AgentFacts {
  const { id, record, runtime, snapshot } = agent
  return {
    agentId: id,
    identity: `${id} ${record.journal ?? record.created_at}`,
    runtime: runtime.name,
    provider: runtime.provider,
    parent: parseTraceparent(record.spec.env?.TRACEPARENT),
    sessionId: snapshot.session_id,
    model: snapshot.model,
    turnSince: snapshot.turn?.since,
    pending: snapshot.pending.map(({ request_id }) => request_id),
  }
}

function contentOf(name: string, value: unknown, redactor: Redactor): Attributes {
  const { [name]: clean } = redactor.redactPart({ [name]: value })
  const text = typeof clean === 'string' ? clean : (JSON.stringify(clean) ?? '')
  return { [name]: text.slice(0, CONTENT_CHARS) }
}
