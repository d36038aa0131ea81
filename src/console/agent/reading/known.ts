import type { EventOf } from '../block.ts'
import { BlockList, type BlockNode } from './block-list.ts'
import { ToolUse } from './tool-use.ts'

/** A prompt, from the events that name it. */
interface KnownPrompt {
  node: BlockNode | undefined
  state: EventOf<'prompt_state'>['state'] | undefined
  /** True if the agent has started the prompt. */
  isBegun: boolean
}

/** A task, from the events that name it. */
interface KnownTask {
  /** The first and last known event. */
  first: EventOf<'task'>
  last: EventOf<'task'>
  /** The tool use that started the task, if it is known. */
  tool: ToolUse | undefined
  /** The block of a task without a known tool use. */
  node: BlockNode | undefined
}

/** Everything that events name by an id, with the blocks. Events of different pages meet here. */
export class Known {
  readonly root = new BlockList()
  readonly tools = new Map<string, ToolUse>()
  readonly prompts = new Map<string, KnownPrompt>()
  /** Requests by their ids. */
  readonly requests = new Map<string, ToolUse | BlockNode>()
  /** Ids of requests that were withdrawn, and are on an older page. */
  readonly withdrawn = new Set<string>()
  /** Tasks by their ids. */
  readonly tasks = new Map<string, KnownTask>()
  /** Lists that got older blocks. */
  readonly withOlder = new Set<BlockList>()

  tool(id: string): ToolUse {
    const known = this.tools.get(id)
    if (known) return known
    const tool = new ToolUse(id)
    this.tools.set(id, tool)
    return tool
  }

  prompt(id: string): KnownPrompt {
    const known = this.prompts.get(id)
    if (known) return known
    const prompt: KnownPrompt = { node: undefined, state: undefined, isBegun: false }
    this.prompts.set(id, prompt)
    return prompt
  }
}
