import type { Event } from '../../protocol/index.ts'
import type { Attributes, Span, TraceContext } from './span.ts'
import { spanIdOf, traceIdOf } from './trace-context.ts'
import { usageAttributes } from './usage.ts'

/** Maximum number of unfinished tools, and of unanswered requests, that are followed for each agent. */
const OPEN = 100

/** The facts about an agent that its spans need. */
export interface AgentFacts {
  agentId: string
  /** Name that no other agent has, not even a removed agent with the same id. */
  identity: string
  runtime: string
  /** Name of the provider of the runtime's models. */
  provider: string
  /** Span that the agent's turns belong to, from the variable `TRACEPARENT` of the agent. */
  parent: TraceContext | undefined
  sessionId: string | undefined
  model: string | undefined
  /** Start of the current turn (ISO 8601); undefined if the agent is not in a turn. */
  turnSince: string | undefined
  /** Ids of the requests that wait for a person. */
  pending: readonly string[]
}

/** Returns the attributes with the content of a tool's input or result, if they were asked for. */
export type Content = (name: string, value: unknown) => Attributes

interface Unfinished {
  name: string
  spanId: string
  parentSpanId: string
  startMs: number
  attributes: Attributes
}

interface Turn extends TraceContext {
  since: string
  parentSpanId: string | undefined
  tools: Map<string, Unfinished>
  waits: Map<string, Unfinished>
}

/**
 * Makes spans from one agent's events: one for each turn, and below it one for each tool and each wait for a
 * person. The ids follow from the turn's start and the ids of its tools, so that a daemon that was restarted during
 * a turn continues the same trace.
 */
export class TurnSpans {
  readonly #content: Content
  #turn: Turn | undefined

  constructor(content: Content) {
    this.#content = content
  }

  /** @param facts the agent after the event @returns the spans that the event has finished */
  onEvent(event: Event, facts: AgentFacts, atMs: number): Span[] {
    if (event.kind === 'turn_result' && event.parent_tool_use_id === undefined) {
      const spans = this.#end(
        facts,
        atMs,
        turnAttributes(event),
        event.is_error && !event.interrupted ? event.outcome : undefined,
      )
      // The turn of a queued prompt begins at once.
      this.#begin(facts)
      return spans
    }
    if (event.kind === 'process_exited') return this.#end(facts, atMs, {}, 'process_exited')
    this.#begin(facts)
    const spans = this.#settleWaits(facts, atMs)
    switch (event.kind) {
      case 'tool_use':
        this.#onToolUse(event, atMs)
        break
      case 'tool_result':
        return [...spans, ...this.#onToolResult(event, atMs)]
      case 'permission_request':
        if (facts.pending.includes(event.request_id)) this.#onRequest(event, atMs)
        break
    }
    return spans
  }

  /** @param facts the agent after a change of its status @returns the waits that the change has ended */
  onChange(facts: AgentFacts, atMs: number): Span[] {
    return this.#settleWaits(facts, atMs)
  }

  #begin({ turnSince, identity, parent }: AgentFacts) {
    if (turnSince === undefined || this.#turn?.since === turnSince) return
    const name = `${identity} turn ${turnSince}`
    this.#turn = {
      since: turnSince,
      traceId: parent?.traceId ?? traceIdOf(name),
      spanId: spanIdOf(name),
      parentSpanId: parent?.spanId,
      tools: new Map(),
      waits: new Map(),
    }
  }

  #end(facts: AgentFacts, atMs: number, attributes: Attributes, error: string | undefined): Span[] {
    const turn = this.#turn
    if (!turn) return []
    this.#turn = undefined
    const left = [...turn.waits.values(), ...turn.tools.values()]
    return [
      ...left.map((unfinished) => finished(turn, unfinished, atMs, 'turn_ended')),
      {
        traceId: turn.traceId,
        spanId: turn.spanId,
        parentSpanId: turn.parentSpanId,
        name: `invoke_agent ${facts.runtime}`,
        startMs: Math.min(Date.parse(turn.since) || atMs, atMs),
        endMs: atMs,
        attributes: { ...agentAttributes(facts), ...attributes },
        error,
      },
    ]
  }

  #onToolUse({ tool, tool_use_id, parent_tool_use_id, input }: Event & { kind: 'tool_use' }, atMs: number) {
    const turn = this.#turn
    if (!turn || turn.tools.size >= OPEN) return
    turn.tools.set(tool_use_id, {
      name: `execute_tool ${tool}`,
      spanId: toolSpanId(turn, tool_use_id),
      parentSpanId: parent_tool_use_id === undefined ? turn.spanId : toolSpanId(turn, parent_tool_use_id),
      startMs: atMs,
      attributes: {
        'gen_ai.operation.name': 'execute_tool',
        'gen_ai.tool.name': tool,
        'gen_ai.tool.call.id': tool_use_id,
        ...this.#content('gen_ai.tool.call.arguments', input),
      },
    })
  }

  #onToolResult({ tool_use_id, is_error, content }: Event & { kind: 'tool_result' }, atMs: number): Span[] {
    const turn = this.#turn
    const tool = turn?.tools.get(tool_use_id)
    if (!turn || !tool) return []
    turn.tools.delete(tool_use_id)
    Object.assign(tool.attributes, this.#content('gen_ai.tool.call.result', content))
    return [finished(turn, tool, atMs, is_error ? 'tool_error' : undefined)]
  }

  #onRequest(event: Event & { kind: 'permission_request' }, atMs: number) {
    const turn = this.#turn
    if (!turn || turn.waits.size >= OPEN) return
    const { request_id, ask, tool, tool_use_id, parent_tool_use_id } = event
    const above = tool_use_id ?? parent_tool_use_id
    turn.waits.set(request_id, {
      name: `wait_for_person ${ask}`,
      spanId: spanIdOf(`${turn.spanId} request ${request_id}`),
      parentSpanId: above === undefined ? turn.spanId : toolSpanId(turn, above),
      startMs: atMs,
      attributes: { 'fomular.request.kind': ask, 'gen_ai.tool.name': tool },
    })
  }

  #settleWaits({ pending }: AgentFacts, atMs: number): Span[] {
    const turn = this.#turn
    if (!turn || turn.waits.size === 0) return []
    const settled = [...turn.waits].filter(([id]) => !pending.includes(id))
    for (const [id] of settled) turn.waits.delete(id)
    return settled.map(([, wait]) => finished(turn, wait, atMs))
  }
}

const toolSpanId = ({ spanId }: Turn, toolUseId: string) => spanIdOf(`${spanId} tool ${toolUseId}`)

const finished = (
  { traceId }: Turn,
  { startMs, ...rest }: Unfinished,
  atMs: number,
  error?: string,
): Span => ({
  traceId,
  ...rest,
  startMs,
  endMs: Math.max(startMs, atMs),
  error,
})

const agentAttributes = ({ agentId, provider, sessionId, model }: AgentFacts): Attributes => ({
  'gen_ai.operation.name': 'invoke_agent',
  'gen_ai.provider.name': provider,
  'gen_ai.agent.id': agentId,
  ...(sessionId !== undefined && { 'gen_ai.conversation.id': sessionId }),
  ...(model !== undefined && { 'gen_ai.request.model': model }),
})

const turnAttributes = (event: Event & { kind: 'turn_result' }): Attributes => ({
  'fomular.turn.outcome': event.outcome,
  ...(event.interrupted && { 'fomular.turn.interrupted': true }),
  ...usageAttributes(event.usage),
})
