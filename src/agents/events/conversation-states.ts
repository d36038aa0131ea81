import type { Line } from '../disk/journal.ts'
import type { Checkpoint } from '../disk/records.ts'

/**
 * Distance between checkpoints, in bytes. When a server requests earlier lines again, at most this many extra
 * bytes are read.
 */
const STEP_BYTES = 16 * 1024 * 1024

export interface StateSource {
  /** Returns the state after a line. */
  after(line: Line, state: unknown): unknown
  /** @see Journal.lines @throws the system error */
  lines(from: number, budget: number, visit: (line: Line) => undefined): number
}

/**
 * Finds the state of a conversation before a given line of its journal. Starts from a checkpoint, and reads
 * the lines after it.
 */
export class ConversationStates {
  readonly #source: StateSource
  /** In order. */
  #checkpoints: Checkpoint[]
  #begin = 0
  /** The last state that was found, kept because lines are mostly read in order. */
  #last: Checkpoint | undefined

  constructor(source: StateSource, checkpoints: readonly Checkpoint[] = []) {
    this.#source = source
    this.#checkpoints = [...checkpoints]
  }

  /** The checkpoints for `cursor.json`; undefined if there are none. */
  get checkpoints(): Checkpoint[] | undefined {
    return this.#checkpoints.length > 0 ? this.#checkpoints : undefined
  }

  /** Returns the state before the line at `offset`. @throws the system error */
  before(offset: number): unknown {
    if (this.#last?.at === offset) return this.#last.state
    let { at, state } = this.#checkpoints.findLast((checkpoint) => checkpoint.at <= offset) ?? START
    if (this.#last && this.#last.at < offset && this.#last.at > at) ({ at, state } = this.#last)
    if (at < offset)
      this.#source.lines(at, offset - at, (line) => {
        state = this.#source.after(line, state)
        return undefined
      })
    this.#last = { at: offset, state }
    return state
  }

  /** Records the state before the line at `at`, which was just read. */
  note(at: number, state: unknown) {
    this.#last = { at, state }
    if (at - (this.#checkpoints.at(-1)?.at ?? 0) >= STEP_BYTES) this.#checkpoints.push(this.#last)
  }

  /**
   * Keeps the state at `begin`, since the bytes before it are about to be freed. Deletes states before the
   * previous `begin`, but not the state at the previous `begin`, because freeing the bytes may fail.
   * @throws the system error
   */
  forgetBefore(begin: number) {
    const state = this.before(begin)
    const others = this.#checkpoints.filter(({ at }) => at >= this.#begin && at !== begin)
    this.#checkpoints = [...others, { at: begin, state }].sort((a, b) => a.at - b.at)
    this.#begin = begin
  }

  /** Deletes all states after `offset`, because the journal's bytes after `offset` have been moved. */
  cut(offset: number) {
    this.#checkpoints = this.#checkpoints.filter(({ at }) => at <= offset)
    this.#last = undefined
  }
}

const START: Checkpoint = { at: 0, state: undefined }
