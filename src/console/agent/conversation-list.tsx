import { useMemo } from 'preact/hooks'
import { Empty } from '../parts/empty.tsx'
import type { Block } from './block.ts'
import { BlockView } from './blocks/block-view.tsx'
import { Conversation } from './conversation.ts'
import type { Transcript } from './transcript.ts'
import { WindowedList } from './windowed-list.tsx'

interface ConversationListProps {
  transcript: Transcript
  /** Called if older events cannot be loaded. */
  onProblem(error: unknown): void
}

/** Estimated heights of blocks that were not drawn yet, in pixels. */
const LINE_PX = 24
const CHARS_PER_LINE = 80
const FOLDED_PX = 44

/** The conversation of an agent, which opens at its newest block. */
export function ConversationList({ transcript, onProblem }: ConversationListProps) {
  const conversation = useMemo(() => new Conversation(), [transcript])
  void transcript.version.value
  conversation.set(transcript.events)
  const { blocks } = conversation
  const isLoading = transcript.connection.value.state === 'loading'
  if (blocks.length === 0 && !isLoading && transcript.atBeginning.value)
    return <Empty title="Nothing has happened yet.">The conversation appears here.</Empty>
  return (
    <WindowedList
      label="Conversation"
      count={blocks.length}
      keyOf={(index) => blocks[index]!.key}
      render={(index) => <BlockView block={blocks[index]!} />}
      estimate={(index) => estimate(blocks[index]!)}
      follow={transcript.atEnd.value}
      missed={transcript.missed.value}
      busy={isLoading}
      onReachTop={() => void transcript.older().catch(onProblem)}
      onReachEnd={() => void transcript.newer().catch(onProblem)}
      onNewest={() => void transcript.newest()}
      onPlace={(index) => transcript.readAt(index === undefined ? undefined : blocks[index]?.key)}
    />
  )
}

function estimate(block: Block): number {
  if (block.kind !== 'text') return FOLDED_PX
  return LINE_PX * (1 + Math.ceil(block.text.length / CHARS_PER_LINE))
}
