import type { Clock } from '../../platform/clock.ts'
import type { HubAgent } from '../../protocol/index.ts'
import { isAsking } from '../../protocol/needs.ts'
import type { Follower } from '../gate/followers.ts'
import type { AgentRegistry } from '../registry/agent-registry.ts'
import type { ChangeFeed } from '../registry/change-feed.ts'
import type { ChangeLog, ListChange } from '../registry/change-log.ts'
import { type Fields, pick } from '../registry/fields.ts'
import type { MachineRegistry } from '../registry/machine-registry.ts'
import { eventStream, WakeUp } from './event-stream.ts'
import { Latest } from './latest.ts'
import { message } from './sse.ts'

/**
 * Limits on one write: the maximum number of messages, and the number of characters after which no further
 * message is added.
 */
const MESSAGES_PER_WRITE = 100
const WRITE_CHARS = 256 * 1024

export interface HubStreamContext {
  agents: AgentRegistry
  machines: MachineRegistry
  feed: ChangeFeed
  changes: ChangeLog
  clock: Clock
}

export interface HubStreamOptions {
  follower: Follower
  /** The id after which a stream continues. Undefined for older clients, who cannot continue a stream. */
  after: string | undefined
  /** Machine to show; by default, all machines are shown. */
  machine_id: string | undefined
  fields: Fields | undefined
  /**
   * Number of agents to send before everything else: those with requests first, and then those that changed last.
   * A person need not wait for the whole state, and the first agents on the screen stay there. 0 for clients that do
   * not know the event `current`.
   */
  first: number
}

interface Shown {
  kind: ListChange['kind'] | 'reset' | 'current'
  view: object | undefined
  /** Undefined for a message after which a stream cannot continue. */
  revision?: number
}

/** Streams the machines and agents: their current state, or the changes after `after`, and then each change. */
export function hubStream(context: HubStreamContext, options: HubStreamOptions): Response {
  const { feed, changes, clock } = context
  const { follower, after } = options
  const bell = new WakeUp(clock)
  const place = new Place(context, options)
  let over = false
  const release = feed.subscribe(({ kind }) => {
    over ||= kind === 'closed'
    bell.ring()
  })
  return eventStream({
    bell,
    follower,
    release,
    next() {
      // A client that cannot continue its stream connects again, and gets the current state.
      if (place.isLost && after === undefined) over = true
      if (over) return Promise.resolve(undefined)
      const messages: string[] = []
      let chars = 0
      for (const { kind, view, revision } of place.due()) {
        if (!view) continue
        const id = after === undefined || revision === undefined ? undefined : `${changes.name}.${revision}`
        const text = message(kind, view, id)
        chars += text.length
        if (messages.push(text) === MESSAGES_PER_WRITE || chars > WRITE_CHARS) break
      }
      return Promise.resolve(messages)
    },
  })
}

/** The place of a client in the log of changes. */
class Place {
  readonly #context: HubStreamContext
  readonly #options: HubStreamOptions
  /** Revision up to which the client has all changes. */
  #revision = 0
  /** Revision at which the client began to get the current state; 0 for a stream that continues. */
  #begin = 0
  /** Machines of the current state. They come first, because their agents refer to them. */
  #machines: Iterator<string> & Iterable<string> = [].values()
  /** Agents of the current state that come before the machines, and again after them. */
  #first: Iterable<HubAgent> = []
  #isNew = false
  /** True once the client knows that it has the current state. */
  #isTold: boolean

  constructor(context: HubStreamContext, options: HubStreamOptions) {
    this.#context = context
    this.#options = options
    this.#isTold = options.first === 0
    const revision = revisionIn(options.after, context.changes)
    if (revision === undefined) this.#restart()
    else this.#revision = revision
  }

  /** True if the log no longer contains all removals that the client does not know. */
  get isLost(): boolean {
    return !this.#context.changes.reaches(Math.max(this.#revision, this.#begin))
  }

  /** Yields the next messages. The client gets all messages that the caller takes. */
  *due(): Iterable<Shown> {
    const { changes, machines } = this.#context
    if (this.isLost) this.#restart()
    if (this.#isNew) {
      this.#isNew = false
      if (this.#options.after !== undefined) yield { kind: 'reset', view: {}, revision: 0 }
    }
    for (const view of this.#first) yield { kind: 'agent', view: this.#shown(view) }
    for (const id of this.#machines) yield { kind: 'machine', view: this.#shown(machines.get(id)) }
    for (const { revision, change } of changes.after(this.#revision)) {
      this.#revision = revision
      // The client has got all machines already, and does not know anything that was removed before.
      if (revision > this.#begin || change.kind === 'agent')
        yield { kind: change.kind, view: this.#view(change), revision }
    }
    if (this.#isTold) return
    this.#isTold = true
    yield { kind: 'current', view: {} }
  }

  #restart() {
    const { changes, machines } = this.#context
    this.#revision = 0
    this.#begin = changes.revision
    // An array's iterator continues where the last write has ended.
    this.#first = this.#firstAgents().values()
    this.#isTold = this.#options.first === 0
    this.#machines = machines.ids().values()
    this.#isNew = true
  }

  /** Returns the agents to send first: those with requests and then others, each with the latest change first. */
  #firstAgents(): HubAgent[] {
    const { agents } = this.#context
    const { first } = this.#options
    if (first === 0) return []
    const [asking, others] = [new Latest(first), new Latest(first)]
    for (const { key, machine_id, status } of agents.records()) {
      if (!status || !this.#shows({ machine_id })) continue
      const found = isAsking(status) ? asking : others
      found.add(status.since, key)
    }
    return [...asking.keys, ...others.keys].slice(0, first).flatMap((key) => agents.viewAt(key) ?? [])
  }

  #view(change: ListChange): object | undefined {
    const { agents, machines } = this.#context
    switch (change.kind) {
      case 'machine':
        return this.#shown(machines.get(change.machine_id))
      case 'agent':
        // Most agents may belong to other machines, so their views are not built.
        return this.#shows(agents.at(change.key)) ? this.#shown(agents.viewAt(change.key)) : undefined
      case 'machine_removed':
        // Older clients do not know this event.
        return this.#options.after === undefined ? undefined : this.#shown({ machine_id: change.machine_id })
      case 'agent_removed':
        return this.#shown({ agent_id: change.agent_id, machine_id: change.machine_id })
    }
  }

  #shown<T extends { machine_id: string }>(view: T | undefined): Partial<T> | undefined {
    return view && this.#shows(view) ? pick(view, this.#options.fields) : undefined
  }

  /** Reports whether the client wants the machine or agent. */
  #shows(entry: { machine_id: string } | undefined): boolean {
    const { machine_id } = this.#options
    return entry !== undefined && (machine_id === undefined || entry.machine_id === machine_id)
  }
}

/** Returns the revision in an id; undefined for the id of another log, and for an id without a state. */
function revisionIn(id = '', { name }: ChangeLog): number | undefined {
  const [, log, revision] = /^(\w+)\.(\d{1,15})$/.exec(id) ?? []
  return log === name ? Number(revision) || undefined : undefined
}
