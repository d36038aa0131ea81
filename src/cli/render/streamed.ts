/** Unfinished blocks remembered; more than a few means that their ends never come. */
const MOST = 32

interface Block {
  kind: 'text' | 'thinking'
  message: string | undefined
  index: number
  /** All of it that was written. */
  written: string
}

/** What a finished block still needs on the screen. */
export interface Rest {
  text: string
  /** Whether it belongs behind what was written last. */
  goesOn: boolean
}

/**
 * Blocks that were written while they streamed in and are still to be finished. Anything may be written in between: a
 * block keeps what it has on the screen until its end comes, so that no part of it is written again.
 */
export class Streamed {
  #blocks: Block[] = []
  /** The block whose line is being written. */
  #open: Block | undefined

  /** Whether the last line written is unfinished. */
  get isOpen(): boolean {
    return this.#open !== undefined
  }

  /** A part of a block is written. @returns whether it goes on behind what was written last */
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

  /** A block is finished. @returns what of it is not written yet */
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

  /** Something else is written. */
  close() {
    this.#open = undefined
  }

  /** The turn is over: what is unfinished stays so. */
  clear() {
    this.#blocks = []
    this.#open = undefined
  }
}
