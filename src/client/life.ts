import type { Event } from '../protocol/events.ts'

/** A part of an agent's life, in the order of its history. */
export type LifePart =
  | { part: 'run_began'; run: number; version?: string; model?: string }
  | {
      part: 'turns'
      count: number
      outcome: string
      failed: boolean
      duration_ms: number
      tools: number
      asked: Asked
    }
  | { part: 'limit_reached' }
  | { part: 'prompt_refused'; reason?: string }
  | { part: 'set_back' }
  | { part: 'run_ended'; run: number; code?: number; signal?: string; reason?: string }

/** Number of requests to a person. */
export interface Asked {
  tool: number
  question: number
  plan: number
}

/** Maximum number of parts that are kept from the beginning and from the end. */
const KEPT = { first: 50, last: 200 }

/**
 * Collects an agent's life from its events. Turns with the same outcome, one after the other, are one part. A very
 * long life keeps its beginning and its end.
 */
export class Life {
  readonly #first: LifePart[] = []
  #last: LifePart[] = []
  #left = 0
  #tools = 0
  #asked: Asked = { tool: 0, question: 0, plan: 0 }

  /** The parts, oldest first. */
  get parts(): LifePart[] {
    return [...this.#first, ...this.#last]
  }

  /** Number of parts that were left out between the beginning and the end. */
  get leftOut() {
    return this.#left
  }

  /** Position in `parts` after which parts were left out. */
  get gapAfter() {
    return this.#first.length
  }

  add(event: Event) {
    switch (event.kind) {
      case 'process_started':
        return this.#put({ part: 'run_began', run: event.run })
      case 'session':
        return this.#onSession(event)
      case 'tool_use':
        this.#tools++
        return
      case 'permission_request':
        this.#asked[event.ask]++
        return
      case 'turn_result':
        return event.parent_tool_use_id === undefined ? this.#onTurn(event) : undefined
      case 'prompt_rejected':
        return this.#put({
          part: 'prompt_refused',
          ...(event.reason !== undefined && { reason: event.reason }),
        })
      case 'set_back':
        return this.#put({ part: 'set_back' })
      case 'process_exited': {
        const { run, code, signal, reason } = event
        return this.#put({
          part: 'run_ended',
          run,
          ...(code !== undefined && { code }),
          ...(signal !== undefined && { signal }),
          ...(reason !== undefined && { reason }),
        })
      }
    }
  }

  /** The runtime repeats the facts of its session at each turn. */
  #onSession({ runtime_version, model }: Event & { kind: 'session' }) {
    const run = this.#latest
    if (run?.part !== 'run_began') return
    if (runtime_version !== undefined) run.version ??= runtime_version
    if (model !== undefined) run.model ??= model
  }

  #onTurn(event: Event & { kind: 'turn_result' }) {
    const outcome = event.interrupted ? 'interrupted' : event.outcome
    const failed = event.is_error && !event.interrupted
    const turn = {
      outcome,
      failed,
      duration_ms: event.duration_ms ?? 0,
      tools: this.#tools,
      asked: this.#asked,
    }
    this.#tools = 0
    this.#asked = { tool: 0, question: 0, plan: 0 }
    const before = this.#latest
    if (before?.part === 'turns' && before.outcome === outcome && before.failed === failed) {
      before.count++
      before.duration_ms += turn.duration_ms
      before.tools += turn.tools
      for (const ask of ['tool', 'question', 'plan'] as const) before.asked[ask] += turn.asked[ask]
    } else this.#put({ part: 'turns', count: 1, ...turn })
    if (event.usage_limit) this.#put({ part: 'limit_reached' })
  }

  get #latest(): LifePart | undefined {
    return this.#last.at(-1) ?? this.#first.at(-1)
  }

  #put(part: LifePart) {
    if (this.#first.length < KEPT.first) this.#first.push(part)
    else this.#last.push(part)
    // Removes many at a time, because removing the first element of a list takes time for the whole list.
    if (this.#last.length < 2 * KEPT.last) return
    this.#left += this.#last.length - KEPT.last
    this.#last = this.#last.slice(-KEPT.last)
  }
}
