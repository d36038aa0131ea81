import type { EventOf, RemarkBlock } from '../block.ts'
import type { BlockList } from './block-list.ts'
import type { Known } from './known.ts'
import { refreshTool, type Stretch, settleRequest } from './stretch.ts'
import type { ToolUse } from './tool-use.ts'

type About = {
  offset: number
  index: number
  time?: string | undefined
  parent_tool_use_id?: string | undefined
}

export const keyOf = ({ offset, index }: About) => `${offset}.${index}`

/** Reads events about tool uses, their requests, and their tasks. */
export class ToolEvents {
  readonly #known: Known
  readonly #stretch: Stretch

  constructor(known: Known, stretch: Stretch) {
    this.#known = known
    this.#stretch = stretch
  }

  /** Returns the list that an event's block belongs to: the conversation, or the blocks of a sub-agent. */
  listOf(event: About): BlockList {
    if (event.parent_tool_use_id === undefined) return this.#known.root
    const parent = this.#known.tool(event.parent_tool_use_id)
    if (!parent.node) this.#place(parent, event, this.#known.root)
    return parent.node!.inner
  }

  use(event: EventOf<'tool_use'>) {
    const tool = this.#known.tool(event.tool_use_id)
    if (tool.use) return
    tool.use = event
    const { parent, list } = this.#parentOf(tool, event)
    tool.parent = parent
    const grown = this.#stretch.growing.finish('tool_input', list, event.message_id, undefined)
    if (tool.node) {
      // The block stood where later events first named the tool use.
      if (grown) grown.list.remove(grown)
      if (tool.node.list !== list || this.#stretch.isOlder) {
        tool.node.list.remove(tool.node)
        this.#insert(tool, list)
      }
    } else if (grown) tool.node = grown
    else this.#place(tool, event, list)
    tool.node!.change(tool.block(tool.node!.block.key, event.time))
    if (!tool.result && !tool.isOver) this.#stretch.running.add(tool)
    if (!grown && !this.#stretch.firstEnding)
      this.#stretch.earlyPieces.push({
        kind: 'tool_input',
        list,
        message: event.message_id,
        index: undefined,
        node: tool.node!,
      })
  }

  result(event: EventOf<'tool_result'>) {
    const tool = this.#known.tool(event.tool_use_id)
    tool.result ??= event
    if (!tool.node) this.#place(tool, event, this.listOf(event))
    this.#stretch.running.delete(tool)
    if (tool.endRemark && tool.task && tool.task.offset < event.offset) {
      tool.endRemark.list.remove(tool.endRemark)
      tool.endRemark = undefined
    }
    if (tool.request && event.is_error) this.#stretch.undecided.add(tool)
    refreshTool(tool)
  }

  progress({ tool_use_id, elapsed_s }: EventOf<'tool_progress'>) {
    if (tool_use_id === undefined || elapsed_s === undefined) return
    const tool = this.#known.tool(tool_use_id)
    if (elapsed_s < (tool.elapsed_s ?? 0)) return
    tool.elapsed_s = elapsed_s
    refreshTool(tool)
  }

  request(event: EventOf<'permission_request'>) {
    const { requests, withdrawn } = this.#known
    const isWithdrawn = withdrawn.has(event.request_id)
    if (event.tool_use_id === undefined) {
      const [key, list] = [keyOf(event), this.listOf(event)]
      const answer = isWithdrawn ? 'withdrawn' : 'waiting'
      const block = { kind: 'request', key, time: event.time, request: event, answer } as const
      const node = this.append(block, list)
      requests.set(event.request_id, node)
      if (!isWithdrawn) this.#stretch.requests.add(node)
      return
    }
    const tool = this.#known.tool(event.tool_use_id)
    if (tool.request && this.#stretch.isOlder) return
    tool.request = event
    tool.isWithdrawn = isWithdrawn
    tool.isAnswered = false
    requests.set(event.request_id, tool)
    if (!tool.node) this.#place(tool, event, this.listOf(event))
    if (tool.result?.is_error) this.#stretch.undecided.add(tool)
    else if (!tool.result && !tool.isOver) this.#stretch.running.add(tool)
    refreshTool(tool)
  }

  withdrawn({ request_id }: EventOf<'permission_withdrawn'>) {
    const request = this.#known.requests.get(request_id)
    if (!request) this.#known.withdrawn.add(request_id)
    else if ('isWithdrawn' in request) {
      request.isWithdrawn = true
      refreshTool(request)
    } else settleRequest(request, 'withdrawn')
  }

  /** @returns false if the event belongs to no known tool use */
  denied(event: EventOf<'permission_denied'>): boolean {
    const tool = event.tool_use_id === undefined ? undefined : this.#known.tools.get(event.tool_use_id)
    if (!tool) return false
    tool.isDenied = true
    tool.denial = event
    refreshTool(tool)
    return true
  }

  /** Records that the agent continues, so nothing waits for an answer. */
  wentOn() {
    for (const node of this.#stretch.requests) settleRequest(node, 'answered')
    this.#stretch.requests.clear()
    for (const tool of this.#stretch.running)
      if (tool.request && !tool.isAnswered) {
        tool.isAnswered = true
        refreshTool(tool)
      }
  }

  task(event: EventOf<'task'>) {
    const { tasks } = this.#known
    const known = tasks.get(event.task_id)
    const task = known
      ? { ...known, ...outermost(event, known) }
      : { first: event, last: event, tool: undefined, node: undefined }
    tasks.set(event.task_id, task)
    if (event.tool_use_id !== undefined) task.tool = this.#known.tool(event.tool_use_id)
    const { tool, node } = task
    if (!tool) {
      const block = { kind: 'task', key: keyOf(event), time: event.time, task: latest(task) } as const
      if (node) node.change({ ...block, key: node.block.key })
      else if (event.phase === 'started' || event.phase === 'ended')
        task.node = this.append(block, this.listOf(event))
      return
    }
    if (node) node.list.remove(node)
    task.node = undefined
    tool.task = latest(task)
    refreshTool(tool)
    // A task that ends after the tool's result ran in the background, so people may not look at the tool use.
    const isAfter = tool.result ? tool.result.offset < event.offset : !tool.use
    if (event.phase === 'ended' && isAfter) tool.endRemark ??= this.#taskEnd(event)
  }

  #taskEnd(event: EventOf<'task'>) {
    const isFine = event.status === undefined || event.status === 'completed'
    const block: RemarkBlock = {
      kind: 'remark',
      key: keyOf(event),
      time: event.time,
      tone: isFine ? 'quiet' : 'warning',
      text: `Background task ${isFine ? 'ended' : event.status}: ${event.summary ?? event.description ?? event.task_id}`,
      detail: undefined,
      divides: false,
    }
    return this.append(block, this.listOf(event))
  }

  append(block: Parameters<BlockList['append']>[0], list: BlockList) {
    if (this.#stretch.isOlder) this.#known.withOlder.add(list)
    return list.append(block, this.#stretch.isOlder)
  }

  #parentOf(tool: ToolUse, event: About): { parent: ToolUse | undefined; list: BlockList } {
    const { root } = this.#known
    if (event.parent_tool_use_id === undefined) return { parent: undefined, list: root }
    const parent = this.#known.tool(event.parent_tool_use_id)
    // Hostile events may name a tool use as its own parent.
    if (parent.isWithin(tool)) return { parent: undefined, list: root }
    return { parent, list: this.listOf(event) }
  }

  #place(tool: ToolUse, event: About, list: BlockList) {
    if (event.parent_tool_use_id !== undefined && list !== this.#known.root)
      tool.parent = this.#known.tool(event.parent_tool_use_id)
    tool.node = this.append(tool.block(`tool:${tool.id}`, event.time), list)
  }

  #insert(tool: ToolUse, list: BlockList) {
    if (this.#stretch.isOlder) this.#known.withOlder.add(list)
    list.insert(tool.node!, this.#stretch.isOlder)
  }
}

type TaskEvent = EventOf<'task'>
type Ends = { first: TaskEvent; last: TaskEvent }

const outermost = (event: TaskEvent, { first, last }: Ends): Ends => ({
  first: event.offset < first.offset ? event : first,
  last: event.offset > last.offset ? event : last,
})

/** Returns the last event about a task. Later events describe the current step, and not the task. */
const latest = ({ first, last }: Ends): TaskEvent => ({
  ...last,
  description: first.description,
  task_type: first.task_type,
})
