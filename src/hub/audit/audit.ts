import type { AuditLimits } from '../../config/hub-limits.ts'
import type { Clock } from '../../platform/clock.ts'
import type { Logger } from '../../platform/log.ts'
import { AuditEntry, type AuditPage } from '../../protocol/index.ts'
import { Fault } from '../fault.ts'
import { Segments } from './segments.ts'

/** What an entry says. Its number and time are added. */
export type Said = Omit<AuditEntry, 'n' | 'at'>

/** Fields by which entries can be looked for. */
export const FILTERS = ['by', 'action', 'machine_id', 'agent_id', 'target', 'outcome'] as const
export type Filter = Partial<Record<(typeof FILTERS)[number], string>>

/** Code of what is refused because the log cannot be written. */
export const UNWRITABLE = 'audit_unwritable'

/** What is asked of the log. */
interface Asked {
  /** Entry behind which to begin; without it the newest are meant. */
  after: number | undefined
  limit: number
  filter: Filter
}

/** Characters of entries that may wait for the disk before orders wait, too. */
const MANY = 256 * 1024
/** Characters that may wait for a disk that takes something: outcomes of all commands that can wait for machines, and more. */
const MOST = 16 * 1024 * 1024

/** The audit log: who has ordered what, from where, and what became of it. Nothing in it is changed. */
export class Audit {
  readonly #segments: Segments
  readonly #clock: Clock
  readonly #logger: Logger
  /** The disk did not take the last of it. */
  #failing = false
  /** Entries that were given up, by the reason. */
  readonly #lost = new Map<string, number>()

  constructor(dir: string, { limits, clock, logger }: { limits: AuditLimits; clock: Clock; logger: Logger }) {
    this.#segments = new Segments(dir, limits)
    this.#clock = clock
    this.#logger = logger
  }

  /**
   * Notes an order before it is carried out.
   * @returns the entry's number, once it is on the disk
   * @throws Fault where the disk does not take it: it is not to be carried out then
   */
  async order(said: Omit<Said, 'outcome'>): Promise<number> {
    await this.room()
    const n = this.#write({ ...said, outcome: 'ordered' })
    try {
      await this.#flush()
      return n
    } catch (error) {
      // It is told all the same, once the disk takes it.
      this.#add({ ...said, of: n, outcome: 'refused', code: UNWRITABLE })
      throw unwritable(error)
    }
  }

  /**
   * Resolves when the disk has taken so much that there is room for an order.
   * @throws Fault where it does not
   */
  async room(): Promise<void> {
    while (this.#segments.waiting > MANY)
      await this.#flush().catch((error) => {
        throw unwritable(error)
      })
  }

  /** Notes what has become of an order, or of an attempt. Is on the disk soon, or once the disk takes it. */
  note(said: Said) {
    if (this.#add(said)) void this.#flush().catch(() => {})
  }

  /** The newest entries, or those behind `after`, oldest first. What was noted before is among them, if the disk takes it. */
  async page({ after, limit, filter }: Asked): Promise<AuditPage> {
    await this.#flush().catch(() => {})
    const found =
      after === undefined ? await this.#newest(limit, filter) : await this.#behind(after, limit, filter)
    return { ...found, first: this.#segments.first }
  }

  /** Resolves when all is written that the disk takes. */
  async close(): Promise<void> {
    await this.#flush().catch(() => {})
  }

  async #newest(limit: number, filter: Filter): Promise<Omit<AuditPage, 'first'>> {
    let found: AuditEntry[] = []
    let next: number | undefined
    for await (const lines of this.#segments.readBack()) {
      next ??= newestIn(lines)
      found = [...entriesIn(lines, filter), ...found]
      if (found.length >= limit) break
    }
    return { entries: found.slice(-limit), next: next ?? 0 }
  }

  async #behind(after: number, limit: number, filter: Filter): Promise<Omit<AuditPage, 'first'>> {
    const entries: AuditEntry[] = []
    let next = after
    for await (const lines of this.#segments.read(after + 1)) {
      for (const entry of entriesIn(lines, filter)) {
        if (entry.n <= next) continue
        if (entries.length === limit) return { entries, next }
        next = entry.n
        entries.push(entry)
      }
      next = Math.max(next, newestIn(lines) ?? 0)
    }
    return { entries, next }
  }

  /** @returns whether there was room for it */
  #add(said: Said): boolean {
    const room = this.#segments.waiting <= (this.#failing ? MANY : MOST)
    const code = this.#failing ? UNWRITABLE : 'busy'
    if (room) this.#write(said)
    else this.#lost.set(code, (this.#lost.get(code) ?? 0) + 1)
    return room
  }

  #write(said: Said): number {
    this.#segments.add((n) => JSON.stringify({ n, at: new Date(this.#clock.now()).toISOString(), ...said }))
    return this.#segments.newest
  }

  async #flush(): Promise<void> {
    let gone: { from: number; to: number } | undefined
    try {
      gone = await this.#segments.flush()
      this.#failing = false
    } catch (error) {
      this.#failing = true
      this.#logger.error({ err: error }, 'the audit log could not be written')
      throw error
    }
    if (gone) {
      this.#logger.warn(gone, 'the audit log is as long as it may be: its oldest entries were deleted')
      this.note({ action: 'audit:rotate', outcome: 'succeeded', details: gone })
    }
    for (const [code, times] of this.#lost) {
      this.#lost.delete(code)
      this.note({ action: 'audit:lose', outcome: 'failed', code, times })
    }
  }
}

const unwritable = (error: unknown) =>
  new Fault(507, UNWRITABLE, `The audit log cannot be written: ${(error as Error).message}`, {
    remedy: 'Make room on the disk with the hub’s folder. Until then nothing is carried out.',
  })

/** The entries that fit. What somebody has written into the file is left out. */
function entriesIn(lines: string[], filter: Filter = {}): AuditEntry[] {
  const wanted = FILTERS.flatMap((name) =>
    filter[name] === undefined ? [] : [[name, filter[name]] as const],
  )
  // As it stands in an entry. Most lines need not be parsed then.
  const parts = wanted.map(([name, value]) => `"${name}":${JSON.stringify(value)}`)
  return lines.flatMap((line) => {
    if (!parts.every((part) => line.includes(part))) return []
    const entry = entryIn(line)
    return entry && wanted.every(([name, value]) => entry[name] === value) ? entry : []
  })
}

function entryIn(line: string): AuditEntry | undefined {
  try {
    return AuditEntry.safeParse(JSON.parse(line)).data
  } catch {
    return undefined
  }
}

const newestIn = (lines: string[]) => entriesIn(lines.slice(-1))[0]?.n ?? entriesIn(lines).at(-1)?.n
