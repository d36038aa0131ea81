import { randomUUID } from 'node:crypto'
import * as z from 'zod/mini'
import { stage } from '../../platform/files.ts'
import { JournalName, Offset } from '../../protocol/index.ts'
import { setBackLine } from '../events/decode.ts'
import type { Journal } from './journal.ts'
import { moveBytes } from './move-bytes.ts'
import { readRecord } from './read-record.ts'
import type { Span } from './span.ts'

/** End of a server's copy of a journal, and the name of its generation, if the server has a name. */
const CopyEnd = z.object({ offset: Offset, journal: z.optional(JournalName) })
export type CopyEnd = z.infer<typeof CopyEnd>

/** `generations.json`: the generations of a journal in order, except the first, whose name is in `spec.json`. */
const GenerationsRecord = z.object({
  version: z.literal(1),
  generations: z.array(
    z.object({
      name: JournalName,
      /** End of the previous generation on this machine. */
      from: Offset,
      /** Start of this generation. The bytes between `from` and `at` are a hole. */
      at: Offset,
      /** End of the server's copy that this generation continues. */
      copy: z.optional(CopyEnd),
    }),
  ),
})
type Generation = z.infer<typeof GenerationsRecord>['generations'][number]

export interface GenerationStart {
  from: number
  copy: CopyEnd
  /** True if the agent may append at the same time. */
  running: boolean
  /** The current time (ISO 8601). */
  time: string
}

/** Returns a new name for the first generation of a journal. */
export const newName = () => randomUUID().slice(0, 8)

/** Separates the name of the first generation from the rest of a later generation's name. */
const SEPARATOR = '.'

/**
 * The generations of one journal. A new generation begins when the daemon detects that its machine was rolled
 * back.
 */
export class Generations {
  readonly #path: string
  /** Name of the first generation; undefined if an earlier version of the daemon started the agent. */
  readonly #first: string | undefined
  /** All generations except the first. */
  readonly #all: Generation[]

  constructor(path: string, journal: Journal, first: string | undefined) {
    this.#path = path
    this.#first = first
    const read = readRecord(path, GenerationsRecord)
    // Do this last, because reading the size opens the journal, and it stays open.
    const size = journal.size()
    // If a generation starts past the journal's end, its bytes were never written.
    this.#all = read.ok ? read.value.generations.filter(({ at }) => at <= size) : []
    journal.holes = this.#holes
  }

  /** Name of the current generation, if it has a name. */
  get current(): string | undefined {
    return this.#all.at(-1)?.name ?? this.#first
  }

  get #holes(): Span[] {
    const holes = this.#all.map(({ from, at }) => ({ from, to: at }))
    // A later hole may contain earlier holes. Leave those out.
    return holes.filter(({ from }, n) => holes.slice(n + 1).every((later) => later.from > from))
  }

  /** Returns the name of the generation that contains `offset`, if it has a name. */
  at(offset: number): string | undefined {
    return this.#all.findLast(({ at }) => at <= offset)?.name ?? this.#first
  }

  /** Returns the end of the generation that contains `offset`; Infinity for the current generation. */
  endOf(offset: number): number {
    return this.#all.find(({ at }) => at > offset)?.at ?? Number.POSITIVE_INFINITY
  }

  /**
   * Reports whether a server that has generation `name` up to `offset` has the same bytes as this journal.
   */
  includes(name: string | undefined, offset: number): boolean {
    // The server has a copy that a generation continues, and perhaps already the hole before the generation.
    const continues = ({ at, copy }: Generation) =>
      copy !== undefined && copy.journal === name && (offset === copy.offset || offset === at)
    if (this.#all.some(continues)) return true
    const index = this.#all.findIndex((generation) => generation.name === name)
    // If an earlier version of the daemon has sent the copy, the copy has no name.
    if (index === -1 && name !== undefined && name !== this.#first) return false
    const next = this.#all[index + 1]
    // Compare up to the start of the next generation. The bytes before that start are a hole, which a server
    // counts as received.
    return next === undefined || offset <= next.at
  }

  /**
   * Reports whether generation `name` certainly belongs to the journal of another agent, which had the same id.
   * A copy of that journal contains no bytes of this journal.
   */
  isForeign(name: string | undefined): boolean {
    return this.#first !== undefined && name !== undefined && name.split(SEPARATOR)[0] !== this.#first
  }

  /**
   * Begins a new generation at the end of a server's copy or shortly after. Moves the journal's lines,
   * beginning at `from`, into the new generation.
   * @returns number of bytes by which the journal's end has moved
   * @throws the system error
   */
  begin(journal: Journal, { from, copy, running, time }: GenerationStart): number {
    const to = Math.max(copy.offset, from)
    const name = [this.#first, newName()].filter((part) => part !== undefined).join(SEPARATOR)
    const marker = setBackLine({ journal: name, from, to, time })
    const record = (at: number) => {
      const generations = [...this.#all, { name, from, at, copy }]
      return stage(this.#path, JSON.stringify({ version: 1, generations }), { durable: true })
    }
    const where = { from, to, running, marker, holes: journal.holes, record }
    const { at, shift } = moveBytes(journal.path, where)
    this.#all.push({ name, from, at, copy })
    journal.holes = this.#holes
    return shift
  }
}
