import type { Event } from '../../../protocol/events.ts'
import type { Block, EventOf } from '../block.ts'
import type { BlockList } from './block-list.ts'
import { costOf, isComplete, sessionBlock, sessionOf } from './facts.ts'
import { setGrowth } from './growing.ts'
import type { Known } from './known.ts'
import { remarkOf } from './remarks.ts'
import type { Stretch } from './stretch.ts'
import { keyOf, ToolEvents } from './tool-events.ts'

/** Reads the events of a stretch, in order, into blocks. */
export class Reader {
  readonly #known: Known
  readonly #stretch: Stretch
  readonly #tools: ToolEvents

  constructor(known: Known, stretch: Stretch) {
    this.#known = known
    this.#stretch = stretch
    this.#tools = new ToolEvents(known, stretch)
  }

  read(event: Event) {
    switch (event.kind) {
      case 'text_delta':
      case 'thinking_delta':
      case 'tool_input_delta':
        return this.#delta(event)
      case 'text':
      case 'thinking':
        return this.#spoken(event)
      case 'redacted_thinking':
        return void this.#append({ ...baseOf(event), kind: 'redacted_thinking' }, this.#tools.listOf(event))
      case 'user':
        return this.#user(event)
      case 'prompt_state':
        return this.#promptState(event)
      case 'session':
        return this.#session(event)
      case 'turn_result':
        return this.#turn(event)
      default:
        if (!this.#readTool(event)) this.#remark(event)
    }
  }

  /** @returns false if the event is not about a tool use */
  #readTool(event: Event): boolean {
    switch (event.kind) {
      case 'tool_use':
        this.#tools.use(event)
        return true
      case 'tool_result':
        this.#tools.result(event)
        return true
      case 'tool_progress':
        this.#tools.progress(event)
        return true
      case 'permission_request':
        this.#tools.request(event)
        return true
      case 'permission_withdrawn':
        this.#tools.withdrawn(event)
        return true
      case 'permission_denied':
        return this.#tools.denied(event)
      case 'task':
        this.#tools.task(event)
        return true
      case 'state':
        if (event.state === 'running') this.#tools.wentOn()
        return true
      default:
        return false
    }
  }

  #delta(event: EventOf<'text_delta' | 'thinking_delta' | 'tool_input_delta'>) {
    if (event.text === '') return
    const list = this.#tools.listOf(event)
    const kind = DELTAS[event.kind]
    const base = { ...baseOf(event), text: '', growth: 'growing' } as const
    const block: Block = kind === 'tool_input' ? { ...base, kind } : { ...base, kind, error: undefined }
    const piece = this.#stretch.growing.add(event, list, () => this.#append(block, list))
    if (piece && !this.#stretch.firstEnding) this.#stretch.earlyPieces.push(piece)
  }

  #spoken(event: EventOf<'text' | 'thinking'>) {
    const { kind, message_id: message, text } = event
    const list = this.#tools.listOf(event)
    const grown = this.#stretch.growing.finish(kind, list, message, text)
    const error = event.kind === 'text' ? event.error : undefined
    const rest = { kind, text, growth: 'finished', error } as const
    if (grown) return grown.change({ key: grown.block.key, time: event.time ?? grown.block.time, ...rest })
    if (text.trim() === '') return
    const node = this.#append({ ...baseOf(event), ...rest }, list)
    if (!this.#stretch.firstEnding)
      this.#stretch.earlyPieces.push({ kind, list, message, index: undefined, node })
  }

  #user(event: EventOf<'user'>) {
    const { content, origin, prompt_id, parent_tool_use_id } = event
    // The end of the turn says that the turn was interrupted.
    if (origin === 'interrupt') return
    const list = this.#tools.listOf(event)
    const source = origin ?? (parent_tool_use_id === undefined ? undefined : 'agent')
    if (source !== undefined)
      return void this.#append({ ...baseOf(event), kind: 'runtime_message', origin: source, content }, list)
    const prompt = prompt_id === undefined ? undefined : this.#known.prompt(prompt_id)
    if (prompt?.node) prompt.node.list.remove(prompt.node)
    const state = prompt?.state
    const node = this.#append({ ...baseOf(event), kind: 'prompt', content, prompt_id, state }, list)
    if (prompt) prompt.node = node
  }

  #promptState(event: EventOf<'prompt_state'>) {
    const { prompt_id, state } = event
    const by = event.by === undefined ? {} : { by: event.by }
    const prompt = this.#known.prompt(prompt_id)
    if (state === 'started') this.#begin(prompt_id)
    if (prompt.state !== undefined && ORDER[state] <= ORDER[prompt.state]) return
    // The end of the turn says how a prompt ended that the agent has started.
    if (state === 'cancelled' && prompt.isBegun) return this.#dropEmpty(prompt_id)
    prompt.state = state
    if (state === 'completed') this.#dropEmpty(prompt_id)
    const { node } = prompt
    if (node?.block.kind === 'prompt') return node.change({ ...node.block, state, ...by })
    if (prompt.isBegun || (state !== 'queued' && state !== 'cancelled')) return
    const block = { ...baseOf(event), kind: 'prompt', content: undefined, prompt_id, state, ...by } as const
    prompt.node = this.#append(block, this.#known.root)
  }

  #begin(prompt_id: string) {
    const prompt = this.#known.prompt(prompt_id)
    prompt.isBegun = true
    // The end of the prompt is on a newer page, and looked like the end of a queued prompt.
    if (prompt.state === 'cancelled') prompt.state = 'started'
    // The message itself follows.
    this.#dropEmpty(prompt_id)
  }

  /** Removes the block of a prompt whose content will not arrive. */
  #dropEmpty(prompt_id: string) {
    const prompt = this.#known.prompt(prompt_id)
    const { node } = prompt
    if (node?.block.kind !== 'prompt' || node.block.content !== undefined) return
    node.list.remove(node)
    prompt.node = undefined
  }

  #session(event: EventOf<'session'>) {
    const before = this.#stretch.session
    const session = sessionOf(event)
    this.#stretch.session = { ...before, ...session }
    const block = sessionBlock(baseOf(event), session, before)
    if (!block) return
    const node = this.#append(block, this.#known.root)
    if (!isComplete(before)) this.#stretch.openSessions.push({ node, session, before })
  }

  #turn(result: EventOf<'turn_result'>) {
    const stretch = this.#stretch
    for (const id of result.prompt_ids ?? []) this.#begin(id)
    const cost_usd = costOf(result, stretch.cost)
    const node = this.#append({ ...baseOf(result), kind: 'turn', result, cost_usd }, this.#known.root)
    if (result.total_cost_usd !== undefined) {
      if (stretch.cost === undefined) stretch.firstTurn ??= node
      stretch.cost = result.total_cost_usd
    }
    stretch.end(result)
  }

  #remark(event: Event) {
    if (event.kind === 'process_started' || event.kind === 'process_exited') this.#stretch.end(event)
    if (event.kind === 'process_started') this.#stretch.cost = 0
    if (event.kind === 'rate_limit' && !this.#isNewLimit(event)) return
    if (event.kind === 'retry') for (const { node } of this.#stretch.growing.pieces) setGrowth(node, 'cut')
    const remark = remarkOf(event)
    if (!remark) return
    const list = this.#tools.listOf(event)
    const { tone, text, detail, divides = false } = remark
    const block: Block = { ...baseOf(event), kind: 'remark', tone, text, detail, divides }
    const earlier = this.#earlierOf(event, list)
    if (earlier) earlier.change({ ...block, key: earlier.block.key })
    const node = earlier ?? this.#append(block, list)
    const isCompacted = event.kind === 'compaction' || event.kind === 'compaction_failed'
    if (isCompacted && !earlier && !this.#stretch.firstEnding) this.#stretch.firstCompacted ??= node
    if (event.kind === 'retry') {
      this.#stretch.retry = node
      this.#stretch.firstRetry ??= node
    }
    if (event.kind === 'compaction_started') this.#stretch.compaction = node
  }

  /** Returns the block that an event's block replaces: one remark tells of several tries or of a compaction. */
  #earlierOf({ kind }: Event, list: BlockList) {
    const stretch = this.#stretch
    if (kind === 'retry')
      return stretch.retry?.block === list.last(stretch.isOlder) ? stretch.retry : undefined
    if (kind !== 'compaction' && kind !== 'compaction_failed') return undefined
    const { compaction } = stretch
    stretch.compaction = undefined
    return compaction
  }

  #isNewLimit({ status, limit, resets_at }: EventOf<'rate_limit'>): boolean {
    const named = [status, limit, resets_at].join(' ')
    const isNew = named !== this.#stretch.limit
    this.#stretch.limit = named
    return isNew
  }

  #append(block: Block, list: BlockList) {
    return this.#tools.append(block, list)
  }
}

const DELTAS = { text_delta: 'text', thinking_delta: 'thinking', tool_input_delta: 'tool_input' } as const

/** Order of a prompt's states. Events of older pages do not change a later state. */
const ORDER = { queued: 0, started: 1, completed: 2, cancelled: 2 } as const

const baseOf = (event: Event) => ({ key: keyOf(event), time: event.time })
