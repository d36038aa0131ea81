import * as z from 'zod/mini'
import type { Clock } from '../platform/clock.ts'
import { readJson, writeAtomic } from '../platform/files.ts'
import { Limits } from '../protocol/index.ts'

/**
 * `costs.json` in the state folder: the costs of the day in US dollars, and for each agent the cost that was
 * already counted.
 */
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

/**
 * Adds up the costs of all agents of this machine within a day. No cost is counted twice, even after a crash.
 */
export class DayCosts {
  readonly #options: DayCostsOptions
  #record: CostsRecord = { version: 1, day: '', usd: 0, counted: {} }
  #isOpen = false

  constructor(options: DayCostsOptions) {
    this.#options = options
  }

  /**
   * Reads the record. Called when all agents are known. Costs that arose before the first record was written
   * are not counted for any day.
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

  /** Adds the costs that an agent has caused since its costs were last counted. */
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
      // The disk is full. The costs are added when the agent's next costs are counted.
    }
  }
}

function localDate(ms: number): string {
  const date = new Date(ms)
  const two = (number: number) => String(number).padStart(2, '0')
  return `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`
}
