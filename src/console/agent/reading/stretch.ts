import type { EventOf } from '../block.ts'
import type { BlockNode } from './block-list.ts'
import { costOf, isComplete, type Session, sessionBlock } from './facts.ts'
import { addText, Growing, mayBeSame, type Piece, setGrowth, textOf } from './growing.ts'
import type { ToolUse } from './tool-use.ts'

/** An event that ends all unfinished blocks and tools. */
export type Ending = EventOf<'turn_result' | 'process_started' | 'process_exited'>

/**
 * State of reading a stretch of consecutive events: what its end leaves open for later events, and what its
 * beginning leaves open for older events.
 */
export class Stretch {
  /** True if the stretch is a page of events before the events that are already known. */
  readonly isOlder: boolean
  growing = new Growing()
  /** Tool uses without a result. */
  running = new Set<ToolUse>()
  /** Tool uses that failed after a request, until the turn tells whether the request was denied. */
  undecided = new Set<ToolUse>()
  /** Requests without a tool use that wait for a person. */
  requests = new Set<BlockNode>()
  /** Cost of the process so far, in dollars; undefined if it is not known. */
  cost: number | undefined
  session: Session | undefined
  retry: BlockNode | undefined
  firstRetry: BlockNode | undefined
  /** The end of a compaction whose start is on an older page. */
  firstCompacted: BlockNode | undefined
  compaction: BlockNode | undefined
  limit: string | undefined

  /** The first event that ends all unfinished blocks. */
  firstEnding: Ending | undefined
  /** Blocks before `firstEnding` that older events may have begun. */
  earlyPieces: Piece[] = []
  /** The first turn, if the cost before it is not known. */
  firstTurn: BlockNode | undefined
  /** Blocks of sessions, if the session before them is not completely known. */
  openSessions: { node: BlockNode; session: Session; before: Session | undefined }[] = []

  constructor(isOlder: boolean) {
    this.isOlder = isOlder
  }

  /** Ends unfinished blocks and tools. */
  end(ending: Ending) {
    this.growing.cut()
    this.growing = new Growing()
    for (const tool of this.running) endTool(tool)
    for (const tool of this.undecided) decide(tool, ending)
    for (const node of this.requests) settleRequest(node, 'unanswered')
    this.running.clear()
    this.undecided.clear()
    this.requests.clear()
    this.retry = this.compaction = undefined
    this.firstEnding ??= ending
  }

  /** Joins an older stretch to this one, which follows it directly. */
  prepend(older: Stretch) {
    for (const piece of older.growing.pieces) this.#joinPiece(piece)
    this.#joinRemarks(older)
    if (this.firstEnding) older.end(this.firstEnding)
    for (const name of ['running', 'undecided', 'requests'] as const)
      for (const each of older[name]) (this[name] as Set<unknown>).add(each)
    this.#joinFacts(older)
    if (!older.firstEnding) this.earlyPieces.unshift(...older.earlyPieces)
    else this.earlyPieces = older.earlyPieces
    this.firstEnding = older.firstEnding ?? this.firstEnding
  }

  #joinPiece(piece: Piece) {
    const { node, index } = piece
    const text = textOf(node)
    const rest = this.earlyPieces.find(
      (each) =>
        each.kind === piece.kind &&
        each.list === piece.list &&
        mayBeSame(each.message, piece.message) &&
        (each.index === undefined
          ? piece.kind === 'tool_input' || textOf(each.node).includes(text)
          : each.index === index),
    )
    if (rest) {
      const { block } = rest.node
      if ('growth' in block && block.growth !== 'finished') addText(rest.node, text, '')
      node.list.remove(node)
    } else if (this.firstEnding) setGrowth(node, 'cut')
    else this.growing.pieces.unshift(piece)
  }

  /** Removes remarks that newer remarks replace. */
  #joinRemarks({ retry, compaction, firstRetry, firstCompacted, firstEnding }: Stretch) {
    if (this.firstRetry?.at === 0 && retry && retry.block === retry.list.last(true)) retry.list.remove(retry)
    if (compaction && this.firstCompacted) compaction.list.remove(compaction)
    else if (!this.firstEnding) this.compaction ??= compaction
    this.firstRetry = firstRetry
    this.firstCompacted = firstCompacted ?? (firstEnding || compaction ? undefined : this.firstCompacted)
  }

  #joinFacts(older: Stretch) {
    if (this.firstTurn && older.cost !== undefined) {
      const { block } = this.firstTurn
      if (block.kind === 'turn')
        this.firstTurn.change({ ...block, cost_usd: costOf(block.result, older.cost) })
    }
    if (older.cost !== undefined || older.firstTurn) this.firstTurn = older.firstTurn
    const open = this.openSessions.flatMap(({ node, session, before: known }) => {
      const before = older.session || known ? { ...older.session, ...known } : undefined
      const block = sessionBlock(node.block, session, before)
      if (block) node.change(block)
      else node.list.remove(node)
      return block && !isComplete(before) ? [{ node, session, before }] : []
    })
    this.openSessions = [...older.openSessions, ...open]
    this.cost ??= older.cost
    if (older.session) this.session = { ...older.session, ...this.session }
    this.limit ??= older.limit
  }
}

function endTool(tool: ToolUse) {
  tool.isOver = true
  refreshTool(tool)
}

function decide(tool: ToolUse, ending: Ending) {
  if (ending.kind !== 'turn_result' || ending.interrupted) return
  const isDenied = ending.permission_denials?.some(
    (denial) =>
      typeof denial === 'object' &&
      denial !== null &&
      'tool_use_id' in denial &&
      denial.tool_use_id === tool.id,
  )
  if (isDenied) tool.isDenied = true
  else tool.isUndenied = true
  refreshTool(tool)
}

/** Updates the block of a tool use. */
export function refreshTool(tool: ToolUse) {
  const { node } = tool
  if (node) node.change(tool.block(node.block.key, node.block.time))
}

export function settleRequest(node: BlockNode, answer: 'answered' | 'unanswered' | 'withdrawn') {
  const { block } = node
  if (block.kind === 'request' && block.answer === 'waiting') node.change({ ...block, answer })
}
