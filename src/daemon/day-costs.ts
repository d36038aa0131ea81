import * as z from 'zod/mini'
import type { Clock } from '../platform/clock.ts'
import { readJson, writeAtomic } from '../platform/files.ts'
import { Limits } from '../protocol/index.ts'

/** `costs.json` in the state folder: the cost of the day, and the total of each agent that is part of it. */
const CostsRecord = z.object({
  version: z.literal(1),
  /** Local date, such as `2026-01-31`. */
  day: z.string(),
  usd: z.number(),
  counted: z
    .record(z.string(), z.number())
    .check(z.refine((all) => Object.keys(all).length <= Limits.agents)),
})
type CostsRecord = z.infer<typeof CostsRecord>

interface Counted {
  id: string
  snapshot: { total_cost_usd?: number | undefined }
}

export interface DayCostsOptions {
  path: string
  clock: Clock
  /** All agents of the machine. */
  agents: Iterable<Counted>
}

/** Adds up what all agents of this machine cost within a day. Each dollar counts once, also after a crash. */
export class DayCosts {
  readonly #options: DayCostsOptions
  #record: CostsRecord = { version: 1, day: '', usd: 0, counted: {} }
  #isOpen = false

  constructor(options: DayCostsOptions) {
    this.#options = options
  }

  /**
   * Reads the record, once all agents are known. What they cost before the first record belongs to no day.
   */
  open() {
    const { path, agents } = this.#options
    const all = [...agents]
    const read = readJson(path, CostsRecord)
    this.#isOpen = true
    const counted = Object.fromEntries(all.map(({ id, snapshot }) => [id, snapshot.total_cost_usd ?? 0]))
    this.#record = read.ok ? read.value : { ...this.#record, counted }
    for (const agent of all) this.onChange(agent)
  }

  /** Returns the cost of this day, in US dollars. */
  get usd(): number {
    return this.#today().usd
  }

  /** Counts what an agent has cost since it was last counted. */
  onChange({ id, snapshot }: Counted) {
    if (!this.#isOpen) return
    const { total_cost_usd: total = 0 } = snapshot
    const record = this.#today()
    const before = record.counted[id] ?? 0
    if (total <= before) return
    this.#save({ ...record, usd: record.usd + total - before, counted: { ...record.counted, [id]: total } })
  }

  #today(): CostsRecord {
    const day = localDate(this.#options.clock.now())
    if (this.#record.day !== day) this.#record = { ...this.#record, day, usd: 0 }
    return this.#record
  }

  #save(record: CostsRecord) {
    const there = new Set([...this.#options.agents].map(({ id }) => id))
    const counted = Object.fromEntries(Object.entries(record.counted).filter(([id]) => there.has(id)))
    this.#record = { ...record, counted }
    try {
      writeAtomic(this.#options.path, JSON.stringify(this.#record))
    } catch {
      // The disk is full. The next cost of the agent includes the rest.
    }
  }
}

function localDate(ms: number): string {
  const date = new Date(ms)
  const two = (number: number) => String(number).padStart(2, '0')
  return `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`
}
