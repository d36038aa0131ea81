import { type Clock, isoTime } from '../../platform/clock.ts'
import type { Logger } from '../../platform/log.ts'
import { AuditEntry, type AuditPage } from '../../protocol/index.ts'
import { HttpError, unavailable } from '../http-error.ts'
import type { AuditLog } from '../store/audit-log.ts'

/** Content of an entry, without its number and time. */
export type Said = Omit<AuditEntry, 'n' | 'at'>

/** Fields by which entries can be filtered. */
export const FILTERS = ['by', 'action', 'machine_id', 'agent_id', 'target', 'outcome'] as const
export type Filter = Partial<Record<(typeof FILTERS)[number], string>>

/** Error code for requests that are refused because the log cannot be written. */
export const UNWRITABLE = 'audit_unwritable'

/** A query for a page of the log. */
interface Asked {
  /** Number of the entry to continue after. Default: the newest entries. */
  after: number | undefined
  limit: number
  filter: Filter
}

/** If more than this number of characters wait for the disk, orders wait, too. */
const MANY = 256 * 1024
/**
 * Maximum number of characters waiting until the disk works again. This is enough for the outcomes of all
 * commands that can wait for machines.
 */
const MOST = 16 * 1024 * 1024

/** The audit log: who did what, from where, and with what outcome. Entries never change. */
export class Audit {
  readonly #log: AuditLog
  readonly #clock: Clock
  readonly #logger: Logger
  /** True if the last write failed. */
  #failing = false
  /** Number of dropped entries, by reason. */
  readonly #lost = new Map<string, number>()

  constructor({ log, clock, logger }: { log: AuditLog; clock: Clock; logger: Logger }) {
    this.#log = log
    this.#clock = clock
    this.#logger = logger
  }

  /**
   * Records an order before it is carried out.
   * @returns the entry's number, once it is on the disk
   * @throws HttpError if the entry cannot be written; the order must then not be carried out
   */
  async order(said: Omit<Said, 'outcome'>): Promise<number> {
    await this.room()
    const n = this.#write({ ...said, outcome: 'ordered' })
    try {
      await this.#flush()
      return n
    } catch (error) {
      // The refusal is recorded once the disk works again.
      this.#add({ ...said, of: n, outcome: 'refused', code: UNWRITABLE })
      throw unwritable(error)
    }
  }

  /**
   * Resolves when there is room for an order.
   * @throws HttpError if the log cannot be written
   */
  async room(): Promise<void> {
    while (this.#log.waiting > MANY)
      await this.#flush().catch((error) => {
        throw unwritable(error)
      })
  }

  /** Records the outcome of an order or attempt. The entry is written soon, or once the disk works again. */
  note(said: Said) {
    if (this.#add(said)) void this.#flush().catch(() => {})
  }

  /**
   * Returns the newest entries or the entries after `after`, oldest first. Writes waiting entries first, as
   * far as the disk allows.
   */
  async page({ after, limit, filter }: Asked): Promise<AuditPage> {
    await this.#flush().catch(() => {})
    const found =
      after === undefined ? await this.#newest(limit, filter) : await this.#behind(after, limit, filter)
    return { ...found, first: this.#log.first }
  }

  /** Makes a last attempt to write all entries, and resolves after this attempt. */
  async close(): Promise<void> {
    await this.#flush().catch(() => {})
  }

  async #newest(limit: number, filter: Filter): Promise<Omit<AuditPage, 'first'>> {
    let found: AuditEntry[] = []
    let next: number | undefined
    for await (const lines of this.#log.readBack()) {
      next ??= newestIn(lines)
      found = [...entriesIn(lines, filter), ...found]
      if (found.length >= limit) break
    }
    return { entries: found.slice(-limit), next: next ?? 0 }
  }

  async #behind(after: number, limit: number, filter: Filter): Promise<Omit<AuditPage, 'first'>> {
    const entries: AuditEntry[] = []
    let next = after
    for await (const lines of this.#log.read(after + 1)) {
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

  /** @returns false if there was no room and the entry was dropped */
  #add(said: Said): boolean {
    const room = this.#log.waiting <= (this.#failing ? MANY : MOST)
    const code = this.#failing ? UNWRITABLE : 'busy'
    if (room) this.#write(said)
    else this.#lost.set(code, (this.#lost.get(code) ?? 0) + 1)
    return room
  }

  #write(said: Said): number {
    this.#log.add((n) => JSON.stringify({ n, at: isoTime(this.#clock.now()), ...said }))
    return this.#log.newest
  }

  async #flush(): Promise<void> {
    let gone: { from: number; to: number } | undefined
    try {
      gone = await this.#log.flush()
      this.#failing = false
    } catch (error) {
      if (!this.#failing) this.#logger.error({ err: error }, 'could not write the audit log; will retry')
      this.#failing = true
      throw error
    }
    if (gone) {
      this.#logger.warn(gone, 'the audit log has reached its limit: deleted its oldest entries')
      this.note({ action: 'audit:rotate', outcome: 'succeeded', details: gone })
    }
    for (const [code, times] of this.#lost) {
      this.#lost.delete(code)
      this.note({ action: 'audit:lose', outcome: 'failed', code, times })
    }
  }
}

const unwritable = (error: unknown) =>
  unavailable(error) ??
  new HttpError(507, UNWRITABLE, `The audit log cannot be written: ${(error as Error).message}`, {
    remedy: 'Free space on the disk with the hub’s folder. Until then, the hub carries out no orders.',
  })

/** Returns the entries that match. Skips lines that are not valid entries. */
function entriesIn(lines: string[], filter: Filter = {}): AuditEntry[] {
  const wanted = FILTERS.flatMap((name) =>
    filter[name] === undefined ? [] : [[name, filter[name]] as const],
  )
  // Search the line for the text first, so that most lines need not be parsed.
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
