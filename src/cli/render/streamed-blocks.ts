import type { Writing } from './writing.ts'

/**
 * Maximum number of unfinished blocks to remember. There are more unfinished blocks only if the ends of some
 * blocks never arrive.
 */
const MOST = 32

export type Spoken = 'text' | 'thinking'

interface Block {
  kind: Spoken
  message: string | undefined
  index: number
  /** Text of the block that its writing has got so far. */
  written: string
  writing: Writing
}

/** Remaining text of a finished block. */
interface Rest {
  text: string
  writing: Writing
  /** True if the text continues the last line written. */
  goesOn: boolean
}

/**
 * Unfinished blocks that are written as they arrive. Other output may appear between parts of a block. Each
 * block therefore remembers its written text, so that no part is written twice.
 */
export class Streamed {
  readonly #begin: (kind: Spoken) => Writing
  #blocks: Block[] = []
  /** The block that the unfinished line belongs to. */
  #open: Block | undefined

  /** @param begin returns the writing of a new block */
  constructor(begin: (kind: Spoken) => Writing) {
    this.#begin = begin
  }

  /** True if the last line written is unfinished. */
  get isOpen(): boolean {
    return this.#open !== undefined
  }

  /**
   * Takes further text of a block.
   * @param interrupt returns the output that ends another block's unfinished line
   */
  add(
    kind: Spoken,
    message: string | undefined,
    index: number,
    text: string,
    interrupt: () => string,
  ): string {
    let block = this.#blocks.find(
      (one) => one.kind === kind && one.message === message && one.index === index,
    )
    if (!block) {
      block = { kind, message, index, written: '', writing: this.#begin(kind) }
      this.#blocks = [...this.#blocks.slice(1 - MOST), block]
    }
    const before = block === this.#open ? '' : interrupt()
    block.written += text
    this.#open = block
    return before + block.writing.add(text)
  }

  /** Finishes a block. @returns the text of the block that is not written yet */
  finish(kind: Spoken, message: string | undefined, text: string): Rest {
    const block = this.#blocks.find(
      (one) =>
        one.kind === kind &&
        (one.message === message || one.message === undefined || message === undefined) &&
        text.startsWith(one.written),
    )
    if (!block) return { text, writing: this.#begin(kind), goesOn: false }
    this.#blocks = this.#blocks.filter((one) => one !== block)
    const { written, writing } = block
    return { text: text.slice(written.length), writing, goesOn: block === this.#open }
  }

  /** Records that other output is written. @returns the text that the unfinished line still lacks */
  close(): string {
    const held = this.#open?.writing.flush() ?? ''
    this.#open = undefined
    return held
  }

  /** Forgets unfinished blocks at the end of a turn. */
  clear() {
    this.#blocks = []
    this.#open = undefined
  }
}
