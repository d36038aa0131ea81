import type { Answer, EventOf, ToolBlock } from '../block.ts'
import type { BlockNode } from './block-list.ts'

/** Everything that is known about a use of a tool, from events in any order and on any page. */
export class ToolUse {
  readonly id: string
  /** The tool use that started the sub-agent that uses this tool. */
  parent: ToolUse | undefined
  /** The block's place; undefined while only events are known that need no block. */
  node: BlockNode | undefined
  use: EventOf<'tool_use'> | undefined
  result: EventOf<'tool_result'> | undefined
  request: EventOf<'permission_request'> | undefined
  denial: EventOf<'permission_denied'> | undefined
  task: EventOf<'task'> | undefined
  elapsed_s: number | undefined
  isDenied = false
  isWithdrawn = false
  /** True if the agent continued after the request. */
  isAnswered = false
  /** True if the turn or process ended before the tool. */
  isOver = false
  /** True if the turn ended after the tool, without a report that the request was denied. */
  isUndenied = false
  /** The remark on the end of the task, if the task seemed to run in the background. */
  endRemark: BlockNode | undefined

  constructor(id: string) {
    this.id = id
  }

  /** Reports whether this is the given tool use, or its sub-agent belongs to that one's sub-agent. */
  isWithin(other: ToolUse): boolean {
    let depth = 0
    for (let each: ToolUse | undefined = this; each; each = each.parent)
      if (each === other || ++depth > MAX_DEPTH) return true
    return false
  }

  /** Returns the block for the known events. */
  block(key: string, time: string | undefined): ToolBlock {
    const { use, request, result, task, elapsed_s } = this
    const before = this.node?.block
    const { inner, inner_tools, inner_waiting } =
      before?.kind === 'tool' ? before : { inner: [], inner_tools: 0, inner_waiting: 0 }
    return {
      kind: 'tool',
      key,
      time,
      tool_use_id: this.id,
      tool: use?.tool ?? request?.tool,
      input: use?.input ?? request?.input ?? {},
      via: use?.via,
      state: this.#state(),
      result,
      elapsed_s,
      request,
      answer: this.#answer(),
      denial: this.denial?.message ?? this.denial?.reason,
      task,
      inner,
      inner_tools,
      inner_waiting,
    }
  }

  #state(): ToolBlock['state'] {
    if (this.result) return this.result.is_error ? 'failed' : 'succeeded'
    return this.isOver || this.isDenied ? 'unfinished' : 'running'
  }

  #answer(): Answer | undefined {
    if (this.isDenied) return 'denied'
    if (!this.request) return undefined
    if (this.isWithdrawn) return 'withdrawn'
    if (this.result && !this.result.is_error) return 'allowed'
    if (this.elapsed_s !== undefined || this.isUndenied) return 'allowed'
    if (this.isAnswered || this.result) return 'answered'
    return this.isOver ? 'unanswered' : 'waiting'
  }
}

/** Maximum depth of sub-agents in sub-agents. Deeper blocks are shown in the conversation itself. */
const MAX_DEPTH = 8
