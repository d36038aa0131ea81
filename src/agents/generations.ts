import { randomUUID } from 'node:crypto'
import * as z from 'zod/mini'
import { readJson, writeAtomic } from '../platform/files.ts'
import { JournalName, Offset } from '../protocol/index.ts'
import { setBackLine } from './decode.ts'
import type { Journal } from './journal.ts'
import { moveOn } from './move-on.ts'

/** `generations.json`: every generation of a journal but the first, which has no name, in order. */
const GenerationsRecord = z.object({
  version: z.literal(1),
  generations: z.array(
    z.object({
      name: JournalName,
      /** Where the generation before it ends on this machine. */
      from: Offset,
      /** Where it begins. Between `from` and here the file has nothing to read. */
      at: Offset,
    }),
  ),
})
type Generation = z.infer<typeof GenerationsRecord>['generations'][number]

/** Bytes `[from, to)` of a journal. */
export interface Span {
  from: number
  to: number
}

/** The generations of one journal: a new one begins whenever its machine turns out to have been set back. */
export class Generations {
  readonly #path: string
  readonly #all: Generation[]

  constructor(path: string, journal: Journal) {
    this.#path = path
    const size = journal.size()
    const read = readJson(path, GenerationsRecord)
    // One that the journal does not reach was never written.
    this.#all = read.ok ? read.value.generations.filter(({ at }) => at <= size) : []
    journal.holes = this.#holes
  }

  /** Name of the present one; undefined for the first. */
  get current(): string | undefined {
    return this.#all.at(-1)?.name
  }

  get #holes(): Span[] {
    const holes = this.#all.map(({ from, at }) => ({ from, to: at }))
    // A later one may reach over those before it.
    return holes.filter(({ from }, n) => holes.slice(n + 1).every((later) => later.from > from))
  }

  /** Name of the one that the byte at `offset` belongs to. */
  at(offset: number): string | undefined {
    return this.#all.findLast(({ at }) => at <= offset)?.name
  }

  /** Where the one with the byte at `offset` ends; Infinity for the present one. */
  endOf(offset: number): number {
    return this.#all.find(({ at }) => at > offset)?.at ?? Number.POSITIVE_INFINITY
  }

  /** Whether a server that has this generation up to `offset` has what this journal says up to there. */
  includes(name: string | undefined, offset: number): boolean {
    const index = this.#all.findIndex((generation) => generation.name === name)
    if (index === -1 && name !== undefined) return false
    const next = this.#all[index + 1]
    // Up to the beginning of the next: a server has the bytes between as well.
    return next === undefined || offset <= next.at
  }

  /**
   * Begins a new one at offset `to` or a little behind it, with what the journal has from `from` on.
   * @param running whether the agent may be appending meanwhile
   * @returns how far the end of that was moved
   * @throws the system's error
   */
  begin(journal: Journal, { from, to, running, time }: Span & { running: boolean; time: string }): number {
    const name = randomUUID().slice(0, 8)
    const marker = setBackLine({ journal: name, from, to, time })
    const { at, shift } = moveOn(journal.path, { from, to, running, marker, holes: journal.holes })
    this.#all.push({ name, from, at })
    journal.holes = this.#holes
    try {
      writeAtomic(this.#path, JSON.stringify({ version: 1, generations: this.#all }), { durable: true })
    } catch {
      // A full disk: the next daemon takes the hole for a line that it cannot read.
    }
    return shift
  }
}
