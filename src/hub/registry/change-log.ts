import { randomBytes } from 'node:crypto'
import type { Change, ChangeFeed } from './change-feed.ts'
import { firstWhere } from './first-where.ts'

/** Maximum number of removals to remember: a machine and all its agents. */
const REMOVALS = 10_001
/** Minimum number of outdated entries for which the list is compacted. */
const OUTDATED = 1000

/** A change of the lists of machines and agents. */
export type ListChange = Exclude<Change, { kind: 'closed' }>

interface Entry {
  readonly revision: number
  readonly change: ListChange
  /** True if a later entry replaces this entry. */
  outdated: boolean
}

/**
 * The latest change of each machine and agent, in order, and the latest removals. With the log, a client that
 * knows an earlier revision of the lists gets only the changes since then. The log takes no memory for
 * each client, and the number of its entries does not grow with the number of changes.
 */
export class ChangeLog {
  /** Name of this log. Revisions of other logs, such as the log of the hub before its restart, mean nothing. */
  readonly name = randomBytes(6).toString('hex')
  #revision = 0
  #activity = 0
  #entries: Entry[] = []
  #outdated = 0
  /** The latest entries: of machines by id, and of agents by key. */
  readonly #machines = new Map<string, Entry>()
  readonly #agents = new Map<string, Entry>()
  readonly #removals = new Set<Entry>()
  /** Revision of the newest removal that the log no longer contains. */
  #forgotten = 0

  constructor(feed: ChangeFeed) {
    feed.subscribe((change) => this.#onChange(change))
  }

  /** Number of changes so far. */
  get revision(): number {
    return this.#revision
  }

  /** Number that grows when an agent has more durable activity. */
  get activity(): number {
    return this.#activity
  }

  /** Notes that agents have more durable activity. */
  onActivity() {
    this.#activity++
  }

  /** Reports whether the log contains all removals after a revision. */
  reaches(revision: number): boolean {
    return revision >= this.#forgotten && revision <= this.#revision
  }

  /** Yields the changes after a revision, oldest first. */
  *after(revision: number): Iterable<Entry> {
    const entries = this.#entries
    for (let at = firstWhere(entries, (entry) => entry.revision > revision); at < entries.length; at++)
      if (!entries[at]!.outdated) yield entries[at]!
  }

  #onChange(change: Change) {
    switch (change.kind) {
      case 'closed':
        return
      case 'machine':
        return this.#replace(this.#machines, change.machine_id, change)
      case 'agent':
        return this.#replace(this.#agents, change.key, change)
      case 'machine_removed':
        return this.#remove(this.#machines, change.machine_id, change, true)
      case 'agent_removed':
        return this.#remove(this.#agents, change.key, change, change.shown)
    }
  }

  #replace(latest: Map<string, Entry>, id: string, change: ListChange) {
    this.#outdate(latest.get(id))
    latest.set(id, this.#append(change))
  }

  /** @param shown true if clients may have seen the machine or agent */
  #remove(latest: Map<string, Entry>, id: string, change: ListChange, shown: boolean) {
    this.#outdate(latest.get(id))
    latest.delete(id)
    if (!shown) {
      this.#revision++
      return
    }
    this.#removals.add(this.#append(change))
    const [oldest] = this.#removals
    if (this.#removals.size <= REMOVALS || !oldest) return
    this.#removals.delete(oldest)
    this.#outdate(oldest)
    this.#forgotten = oldest.revision
  }

  #append(change: ListChange): Entry {
    const entry = { revision: ++this.#revision, change, outdated: false }
    this.#entries.push(entry)
    return entry
  }

  #outdate(entry: Entry | undefined) {
    if (!entry) return
    entry.outdated = true
    this.#outdated++
    if (this.#outdated < OUTDATED || this.#outdated * 2 < this.#entries.length) return
    this.#entries = this.#entries.filter(({ outdated }) => !outdated)
    this.#outdated = 0
  }
}
