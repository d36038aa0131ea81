import type { Writable } from 'node:stream'

/**
 * Writes the frames of one turn of the event loop together, because a write to a socket takes longer than reading
 * and sending a short line of a journal.
 */
export class GatheredWrites {
  readonly #stream: Writable
  readonly #bytes: number
  #isHolding = false

  /** @param bytes size of delayed frames at which they are written before the end of the turn */
  constructor(stream: Writable, bytes: number) {
    this.#stream = stream
    this.#bytes = bytes
  }

  /** Delays the frames that follow until the end of the turn. */
  hold() {
    if (this.#isHolding) return
    this.#isHolding = true
    this.#stream.cork()
    setImmediate(() => this.release())
  }

  /** Writes the delayed frames if they are large enough. */
  onFrame() {
    if (this.#stream.writableLength >= this.#bytes) this.release()
  }

  /** Writes the delayed frames. */
  release() {
    if (!this.#isHolding) return
    this.#isHolding = false
    this.#stream.uncork()
  }
}
