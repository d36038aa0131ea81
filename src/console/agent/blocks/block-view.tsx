import { useMemo, useState } from 'preact/hooks'
import type { Block } from '../block.ts'
import { Prompt, RuntimeMessage } from './messages.tsx'
import { Remark, Session, Task, Turn } from './remarks.tsx'
import { RequestOf } from './request.tsx'
import { RedactedThinking, Spoken, ToolInput } from './spoken.tsx'
import { Tool } from './tool.tsx'
import './block-view.css'

/** A block of a conversation. It is drawn again only if the block is another object. */
export function BlockView({ block }: { block: Block }) {
  return useMemo(
    () => (
      <div class={`block block-${block.kind}`}>
        <Kind block={block} />
      </div>
    ),
    [block],
  )
}

function Kind({ block }: { block: Block }) {
  switch (block.kind) {
    case 'prompt':
      return <Prompt block={block} />
    case 'runtime_message':
      return <RuntimeMessage block={block} />
    case 'text':
    case 'thinking':
      return <Spoken block={block} />
    case 'redacted_thinking':
      return <RedactedThinking />
    case 'tool_input':
      return <ToolInput block={block} />
    case 'tool':
      return <Tool block={block} inner={innerOf} />
    case 'request':
      return <RequestOf block={block} />
    case 'task':
      return <Task block={block} />
    case 'turn':
      return <Turn block={block} />
    case 'session':
      return <Session block={block} />
    case 'remark':
      return <Remark block={block} />
  }
}

const innerOf = (blocks: readonly Block[]) => <InnerBlocks blocks={blocks} />

/** Number of blocks that are shown at first, and added on request. */
const STEP = 50

/** The blocks of a sub-agent: the latest, and earlier blocks on request. */
function InnerBlocks({ blocks }: { blocks: readonly Block[] }) {
  const [most, setMost] = useState(STEP)
  const hidden = Math.max(0, blocks.length - most)
  return (
    <section class="inner-blocks" aria-label="What the sub-agent did">
      {hidden > 0 && (
        <button type="button" onClick={() => setMost(most + STEP)}>
          Show {Math.min(STEP, hidden)} earlier of {blocks.length}
        </button>
      )}
      {blocks.slice(hidden).map((block) => (
        <BlockView key={block.key} block={block} />
      ))}
    </section>
  )
}
