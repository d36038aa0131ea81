/**
 * Maximum number of unfinished blocks to remember. There are more unfinished blocks only if the ends of some
 * blocks never arrive.
 */
const MOST = 32

interface Block {
  kind: 'text' | 'thinking'
  message: string | undefined
  index: number
  /** Text of the block written so far. */
  written: string
}

/** Remaining text of a finished block. */
export interface Rest {
  text: string
  /** True if the text continues the last line written. */
  goesOn: boolean
}

/**
 * Unfinished blocks that are written as they arrive. Other output may appear between parts of a block. Each
 * block therefore remembers its written text, so that no part is written twice.
 */
export class Streamed {
  #blocks: Block[] = []
  /** The block that the unfinished line belongs to. */
  #open: Block | undefined

  /** True if the last line written is unfinished. */
  get isOpen(): boolean {
    return this.#open !== undefined
  }

  /** Records that text of a block was written. @returns true if the text continues the last line written */
  add(kind: Block['kind'], message: string | undefined, index: number, text: string): boolean {
    let block = this.#blocks.find(
      (one) => one.kind === kind && one.message === message && one.index === index,
    )
    if (!block) {
      block = { kind, message, index, written: '' }
      this.#blocks = [...this.#blocks.slice(1 - MOST), block]
    }
    const goesOn = block === this.#open
    block.written += text
    this.#open = block
    return goesOn
  }

  /** Finishes a block. @returns the text of the block that is not written yet */
  finish(kind: Block['kind'], message: string | undefined, text: string): Rest {
    const block = this.#blocks.find(
      (one) =>
        one.kind === kind &&
        (one.message === message || one.message === undefined || message === undefined) &&
        text.startsWith(one.written),
    )
    if (!block) return { text, goesOn: false }
    this.#blocks = this.#blocks.filter((one) => one !== block)
    return { text: text.slice(block.written.length), goesOn: block === this.#open }
  }

  /** Records that other output is written. */
  close() {
    this.#open = undefined
  }

  /** Forgets unfinished blocks at the end of a turn. */
  clear() {
    this.#blocks = []
    this.#open = undefined
  }
}
