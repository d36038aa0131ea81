import type { Block } from '../block.ts'

/** A block's place in a list. */
export class BlockNode {
  block: Block
  list: BlockList
  /** Position in the list; -1 in a page of older blocks that is not yet in the list, or after removal. */
  at = -1
  #inner: BlockList | undefined

  constructor(block: Block, list: BlockList) {
    this.block = block
    this.list = list
  }

  /** The blocks of the sub-agent that the tool use started. */
  get inner(): BlockList {
    this.#inner ??= new BlockList(this)
    return this.#inner
  }

  /** Puts the current blocks of the sub-agent into the block. */
  refresh() {
    const { block } = this
    const inner = this.#inner?.blocks
    if (block.kind !== 'tool' || inner === undefined || block.inner === inner) return
    this.block = { ...block, inner, ...countsOf(inner) }
  }

  change(block: Block) {
    this.block = block
    this.list.touch(this)
  }
}

/**
 * Blocks in order. `blocks` returns the same objects for unchanged blocks, and the same array if nothing
 * changed.
 */
export class BlockList {
  readonly #owner: BlockNode | undefined
  #nodes: BlockNode[] = []
  #older: BlockNode[] = []
  #blocks: readonly Block[] = []
  #isReordered = false
  readonly #changed = new Set<BlockNode>()

  /** @param owner the tool use whose sub-agent has these blocks */
  constructor(owner?: BlockNode) {
    this.#owner = owner
  }

  /** Returns the last block, or the last of the blocks that `prependOlder` will insert. */
  last(isOlder: boolean): Block | undefined {
    return (isOlder ? this.#older : this.#nodes).at(-1)?.block
  }

  /** Appends a block, or puts it after the older blocks that `prependOlder` will insert. */
  append(block: Block, isOlder: boolean): BlockNode {
    const node = new BlockNode(block, this)
    this.insert(node, isOlder)
    return node
  }

  insert(node: BlockNode, isOlder: boolean) {
    node.list = this
    if (isOlder) this.#older.push(node)
    else node.at = this.#nodes.push(node) - 1
    this.touch(node)
  }

  prependOlder() {
    if (this.#older.length === 0) return
    this.#nodes = this.#older.concat(this.#nodes)
    this.#older = []
    this.#number(0)
  }

  remove(node: BlockNode) {
    if (node.at === -1) this.#older = this.#older.filter((each) => each !== node)
    else {
      this.#nodes.splice(node.at, 1)
      this.#number(node.at)
    }
    node.at = -1
    this.#changed.delete(node)
    this.#isReordered = true
    this.#touchOwner()
  }

  touch(node: BlockNode) {
    this.#changed.add(node)
    this.#touchOwner()
  }

  #touchOwner() {
    this.#owner?.list.touch(this.#owner)
  }

  #number(from: number) {
    for (let at = from; at < this.#nodes.length; at++) this.#nodes[at]!.at = at
    this.#isReordered = true
  }

  get blocks(): readonly Block[] {
    if (this.#changed.size === 0 && !this.#isReordered) return this.#blocks
    for (const node of this.#changed) node.refresh()
    if (this.#isReordered) this.#blocks = this.#nodes.map(({ block }) => block)
    else {
      const blocks = this.#blocks.slice()
      for (const { at, block } of this.#changed) if (at !== -1) blocks[at] = block
      this.#blocks = blocks
    }
    this.#changed.clear()
    this.#isReordered = false
    return this.#blocks
  }

  /** Replaces blocks by equal blocks that an earlier list had, so that they keep their identity. */
  reuse(earlier: readonly Block[]) {
    const known = new Map(earlier.map((block) => [block.key, block]))
    for (const node of this.#nodes) {
      const before = known.get(node.block.key)
      if (!before) continue
      if (before.kind === 'tool' && before.inner.length > 0) node.inner.reuse(before.inner)
      node.refresh()
      if (isSame(node.block, before)) node.block = before
    }
    this.#isReordered = true
    if (isSameField(this.blocks, earlier)) this.#blocks = earlier
  }
}

function isSame(one: Block, other: Block): boolean {
  const [fields, others] = [Object.entries(one), other as unknown as Record<string, unknown>]
  return fields.every(([name, value]) => isSameField(value, others[name]))
}

const isSameEvent = (one: unknown, other: unknown) =>
  isEvent(one) && isEvent(other) && one.offset === other.offset && one.index === other.index

const isEvent = (value: unknown): value is { offset: number; index: number } =>
  typeof value === 'object' && value !== null && 'offset' in value && 'index' in value

const isSameField = (one: unknown, other: unknown) =>
  one === other ||
  isSameEvent(one, other) ||
  (Array.isArray(one) &&
    Array.isArray(other) &&
    one.length === other.length &&
    one.every((item, index) => item === other[index]))

function countsOf(blocks: readonly Block[]) {
  const counts = { inner_tools: 0, inner_waiting: 0 }
  for (const block of blocks) {
    if (block.kind === 'request' && block.answer === 'waiting') counts.inner_waiting++
    if (block.kind !== 'tool') continue
    counts.inner_tools += 1 + block.inner_tools
    counts.inner_waiting += (block.answer === 'waiting' ? 1 : 0) + block.inner_waiting
  }
  return counts
}
