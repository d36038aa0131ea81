import type { Block, EventOf, Growth, SpokenBlock, ToolInputBlock } from '../block.ts'
import type { BlockList, BlockNode } from './block-list.ts'

type Delta = EventOf<'text_delta' | 'thinking_delta' | 'tool_input_delta'>
export type GrowingKind = 'text' | 'thinking' | 'tool_input'

const KINDS = { text_delta: 'text', thinking_delta: 'thinking', tool_input_delta: 'tool_input' } as const

/** Maximum number of unfinished blocks to remember. There are more only if the ends of blocks never arrive. */
const MOST = 32

/** A block that arrives in pieces, or the end of such a block. */
export interface Piece {
  kind: GrowingKind
  list: BlockList
  message: string | undefined
  /** Number of the block in its message; undefined if only the end of the block is known. */
  index: number | undefined
  node: BlockNode
}

/** The unfinished blocks of a stretch of events. */
export class Growing {
  pieces: Piece[] = []

  /** Adds a delta to its block. @returns the block if the delta starts it */
  add(delta: Delta, list: BlockList, append: () => BlockNode): Piece | undefined {
    const kind = KINDS[delta.kind]
    const { message_id: message, block: index, text } = delta
    const piece = this.pieces.find(
      (each) => each.kind === kind && each.list === list && each.message === message && each.index === index,
    )
    if (piece) {
      addText(piece.node, '', text)
      return undefined
    }
    const started = { kind, list, message, index, node: append() }
    this.pieces = [...this.pieces.slice(1 - MOST), started]
    addText(started.node, '', text)
    return started
  }

  /** Takes the unfinished block that a finished text ends; undefined if there is none. */
  finish(
    kind: GrowingKind,
    list: BlockList,
    message: string | undefined,
    text: string | undefined,
  ): BlockNode | undefined {
    const fitting = this.pieces.filter(
      (each) => each.kind === kind && each.list === list && mayBeSame(each.message, message),
    )
    const piece =
      text === undefined
        ? fitting[0]
        : (fitting.find(({ node }) => text.startsWith(textOf(node))) ??
          fitting.find((each) => each.message !== undefined && each.message === message) ??
          // The first pieces of the block are on an older page.
          fitting.find(({ node }) => text.includes(textOf(node))))
    this.pieces = this.pieces.filter((each) => each !== piece)
    return piece?.node
  }

  /** Marks all unfinished blocks as blocks without an end. */
  cut() {
    for (const { node } of this.pieces) setGrowth(node, 'cut')
  }
}

export const mayBeSame = (one: string | undefined, other: string | undefined) =>
  one === other || one === undefined || other === undefined

/** Returns the text of a block that arrives in pieces. */
export const textOf = ({ block }: BlockNode): string => ('text' in block ? block.text : '')

export function addText(node: BlockNode, before: string, after: string) {
  const { block } = node
  if (isGrown(block)) node.change({ ...block, text: before + block.text + after })
}

export function setGrowth(node: BlockNode, growth: Growth) {
  const { block } = node
  if (isGrown(block) && block.growth !== 'finished') node.change({ ...block, growth })
}

const isGrown = (block: Block): block is SpokenBlock | ToolInputBlock =>
  block.kind === 'text' || block.kind === 'thinking' || block.kind === 'tool_input'
