import type { Clock, Timer } from '../../platform/clock.ts'
import type { Logger } from '../../platform/log.ts'
import { type HubAgent, Limits, PUSH_KINDS } from '../../protocol/index.ts'
import { type Need, needsOf, UNLISTED } from '../../protocol/needs.ts'
import type { AgentRegistry } from '../registry/agent-registry.ts'
import type { Change, ChangeFeed } from '../registry/change-feed.ts'
import type { Subscription, Subscriptions } from '../registry/subscriptions.ts'
import type { AgentRef } from '../store/records.ts'
import { encrypt } from './aes128gcm.ts'
import { PushQueue, type PushSubject } from './push-queue.ts'
import type { PushAnswer, PushServices } from './push-services.ts'
import { MOST_OPEN, pushText, tagOf } from './push-text.ts'
import { Vapid } from './vapid.ts'

/**
 * Time between a change and the look at it, in milliseconds. A request that is answered within this time causes
 * no notification.
 */
const LOOK_MS = 500
/** Maximum number of agents that are looked at before other work can run. */
const AT_ONCE = 50
/** Time for which a push service keeps a notification for a browser that is not connected, in seconds. */
const KEPT_S = 24 * 60 * 60
/** Contact for push services if the console's address is not public. */
const NO_CONTACT = 'mailto:hub@localhost'

export interface NotifierOptions {
  agents: AgentRegistry
  feed: ChangeFeed
  subscriptions: Subscriptions
  services: PushServices
  /** Returns the private key for push services, as PEM. */
  pushKey: () => Promise<string>
  clock: Clock
  logger: Logger
}

/** The needs of an agent: their ids, and the tags of its open requests. */
interface Known {
  ids: ReadonlySet<string>
  /** Absent if there are too many requests to list, or if the agent's status leaves out some. */
  open?: readonly string[]
}

/** An agent whose status may leave out requests. */
type Listing = AgentRef & Pick<HubAgent, 'pending_omitted'>

/** Notifies people of agents that need them. */
export class Notifier {
  readonly #options: NotifierOptions
  readonly #queue: PushQueue
  /** The present needs, by the keys of agents. Empty while there are no subscriptions. */
  readonly #known = new Map<string, Known>()
  /** Keys of agents that have changed. */
  readonly #changed = new Set<string>()
  #vapid: Promise<Vapid> | undefined
  #isWatching = false
  #timer: Timer | undefined

  constructor(options: NotifierOptions) {
    this.#options = options
    const { subscriptions, clock, logger } = options
    const send = (to: Subscription, about: PushSubject) => this.#send(to, about)
    this.#queue = new PushQueue({ subscriptions, send, clock, logger })
    options.feed.subscribe((change) => this.#onChange(change))
  }

  /**
   * Begins to watch agents if there are subscriptions. Needs that already exist cause no notification: people
   * were notified of them before the hub restarted, or had not subscribed yet.
   */
  watch() {
    const { agents, subscriptions } = this.#options
    if (this.#isWatching || subscriptions.isEmpty) return
    this.#isWatching = true
    for (const { key, status, gone, ...ref } of agents.records())
      if (status && !gone) this.#keep(key, { ...ref, ...status }, needsOf(status))
  }

  /** Returns the key with which browsers subscribe. @throws the system error */
  async publicKey(): Promise<string> {
    return (await this.#identity()).publicKey
  }

  close() {
    if (this.#timer) this.#options.clock.clearTimeout(this.#timer)
    this.#queue.close()
  }

  #onChange(change: Change) {
    if (!this.#isWatching) return
    if (change.kind !== 'agent' && change.kind !== 'agent_removed') return
    this.#changed.add(change.key)
    this.#timer ??= this.#options.clock.setTimeout(() => this.#look(), LOOK_MS)
  }

  #look() {
    this.#timer = undefined
    const { subscriptions, clock } = this.#options
    if (subscriptions.isEmpty) {
      this.#isWatching = false
      this.#known.clear()
      this.#changed.clear()
      return
    }
    const wanting = new Map(PUSH_KINDS.map((kind) => [kind, subscriptions.wanting(kind)]))
    for (const key of [...this.#changed].slice(0, AT_ONCE)) {
      this.#changed.delete(key)
      this.#newNeeds(key).every(({ id, kind }) =>
        wanting.get(kind)?.every((to) => this.#queue.add(to, { key, need: id })),
      )
    }
    if (this.#changed.size > 0) this.#timer = clock.setTimeout(() => this.#look(), 0)
  }

  /**
   * Returns the needs of an agent that it did not have at the last look. A status may leave out requests, for
   * example in a long greeting. Requests that a later status lists again are not new.
   */
  #newNeeds(key: string): Need[] {
    const { agent, needs } = this.#needsAt(key)
    const known = this.#known.get(key)?.ids ?? new Set()
    if (agent) this.#keep(key, agent, needs, known)
    else this.#known.delete(key)
    return needs.filter(
      ({ id, request }) =>
        !known.has(id) && !(request && known.has(UNLISTED)) && !(id === UNLISTED && known.size > 0),
    )
  }

  /** @param known the needs of the agent at the last look */
  #keep(key: string, agent: Listing, needs: readonly Need[], known?: ReadonlySet<string>) {
    const isWhole = !agent.pending_omitted
    const own = needs.map(({ id }) => id)
    const ids = new Set(isWhole || !known ? own : [...own, ...known].slice(0, Limits.pending))
    const asking = needs.filter(({ request }) => request)
    const isShort = isWhole && asking.length <= MOST_OPEN
    if (ids.size === 0) this.#known.delete(key)
    else this.#known.set(key, { ids, ...(isShort && { open: asking.map((need) => tagOf(agent, need)) }) })
  }

  #needsAt(key: string): { agent?: HubAgent; needs: Need[] } {
    const agent = this.#options.agents.viewAt(key)
    return agent ? { agent, needs: needsOf(agent) } : { needs: [] }
  }

  #send(to: Subscription, { key, need: id }: PushSubject): Promise<PushAnswer> | undefined {
    const { agent, needs } = this.#needsAt(key)
    const need = needs.find((each) => each.id === id)
    if (!agent || !need) return undefined
    const text = pushText(agent, need, { now: this.#options.clock.now(), open: this.#open() })
    return this.#post(to, text, tagOf(agent, need))
  }

  async #post(to: Subscription, text: Uint8Array, topic: string): Promise<PushAnswer> {
    const { services, clock } = this.#options
    const endpoint = new URL(to.endpoint)
    const vapid = await this.#identity()
    const headers = {
      authorization: vapid.authorization(endpoint, contactOf(to), clock.now()),
      'content-type': 'application/octet-stream',
      'content-encoding': 'aes128gcm',
      ttl: String(KEPT_S),
      urgency: 'high',
      topic,
    }
    return services.post(endpoint, headers, encrypt(text, to))
  }

  /** Returns the tags of all open requests; undefined if there are too many, or not all are known. */
  #open(): string[] | undefined {
    const tags: string[] = []
    for (const { open } of this.#known.values()) {
      if (!open || tags.length + open.length > MOST_OPEN) return undefined
      tags.push(...open)
    }
    return tags
  }

  /** Reads the key when it is first needed. */
  #identity(): Promise<Vapid> {
    this.#vapid ??= this.#options.pushKey().then(
      (pem) => new Vapid(pem),
      (error) => {
        this.#vapid = undefined
        throw error
      },
    )
    return this.#vapid
  }
}

/** Returns the console's address, which leads the operator of a push service to the hub's operator. */
const contactOf = ({ origin }: Subscription) => (origin?.startsWith('https:') ? origin : NO_CONTACT)
