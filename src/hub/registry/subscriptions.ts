import { createHash } from 'node:crypto'
import { type Clock, isoTime } from '../../platform/clock.ts'
import { visible } from '../../platform/visible-text.ts'
import {
  type HubSubscription,
  PUSH_KINDS,
  type PushKind,
  type SubscribeRequest,
  type UserRole,
} from '../../protocol/index.ts'
import { cut } from '../../protocol/shorten.ts'
import type { PushRecord, SubscriptionRecord } from '../store/records.ts'
import type { RecordList } from '../store/store.ts'
import { covers } from './roles.ts'
import type { Sessions } from './sessions.ts'
import type { Caller, UserKeys } from './user-keys.ts'

/** Maximum number of subscriptions of one key. Beyond that, the oldest is removed. */
const MOST_OF_KEY = 16
/** Maximum number of subscriptions of all keys. */
const MOST = 1000
/** Maximum length of a browser's description of itself, in characters. */
const AGENT_CHARS = 200
/** Length of an id, in hexadecimal digits. */
const ID_CHARS = 16
/** Kinds of notifications that a person gets who has not chosen any. */
const USUAL: readonly PushKind[] = PUSH_KINDS.filter((kind) => kind !== 'ended')

/** A subscription with its owner. */
export interface Subscription extends SubscriptionRecord {
  key_id: string
}

/** The browser that subscribes. */
export interface Subscriber extends SubscribeRequest {
  user_agent?: string | undefined
  /** Origin of the console in this browser. */
  origin?: string | undefined
}

export interface SubscriptionsOptions {
  store: RecordList<PushRecord>
  sessions: Pick<Sessions, 'has'>
  people: Pick<UserKeys, 'get' | 'callerWithId'>
  clock: Clock
}

/**
 * The browsers that get notifications. A subscription belongs to a user key, and ends with the key and with the
 * session that made it.
 */
export class Subscriptions {
  readonly #store: RecordList<PushRecord>
  readonly #sessions: SubscriptionsOptions['sessions']
  readonly #people: SubscriptionsOptions['people']
  readonly #clock: Clock
  #records: readonly PushRecord[] = []
  /** Reasons why the last notifications were not delivered, by subscription. */
  readonly #problems = new Map<string, string>()

  constructor({ store, sessions, people, clock }: SubscriptionsOptions) {
    this.#store = store
    this.#sessions = sessions
    this.#people = people
    this.#clock = clock
  }

  /** Loads the subscriptions. Called once. */
  async load(): Promise<void> {
    this.#records = await this.#store.all()
  }

  get isEmpty(): boolean {
    return this.#records.every(({ subscriptions }) => subscriptions.length === 0)
  }

  /** Returns the kinds of notifications that a key gets. */
  kindsOf(keyId: string): string[] {
    return [...(this.#records.find(({ key_id }) => key_id === keyId)?.kinds ?? USUAL)]
  }

  /** Returns the subscriptions that a caller may remove: those of its key, or all for an admin. */
  list(caller: Caller): HubSubscription[] {
    return this.#all().flatMap((each) => {
      const owner = this.#people.get(each.key_id)
      return owner && isFor(each, caller) && this.#isHeld(each) ? [this.#view(each, owner.name)] : []
    })
  }

  /** Returns the subscriptions that get notifications of a kind. */
  wanting(kind: PushKind): Subscription[] {
    return withOwners(this.#records.filter(({ kinds = USUAL }) => kinds.includes(kind)))
  }

  /** Returns a subscription if its key and its session are still accepted. */
  async accepted(id: string): Promise<Subscription | undefined> {
    const found = this.#all().find(({ subscription_id }) => subscription_id === id)
    if (!found || !(await this.#people.callerWithId(found.key_id)) || !this.#isHeld(found)) return undefined
    return found
  }

  /** @throws the system error */
  async choose({ key_id }: Caller, kinds: readonly string[]): Promise<void> {
    await this.#change((all) => [
      ...all.filter((each) => each.key_id !== key_id),
      { key_id, kinds: [...new Set(kinds)], subscriptions: ownOf(all, key_id)?.subscriptions ?? [] },
    ])
  }

  /**
   * Adds a subscription. A browser has one subscription, which belongs to the person who subscribed last.
   * @returns undefined if there are too many subscriptions
   * @throws the system error
   */
  async add(caller: Caller, subscriber: Subscriber): Promise<HubSubscription | undefined> {
    const { key_id, session_id } = caller
    const { endpoint, keys, user_agent, origin } = subscriber
    const record: SubscriptionRecord = {
      subscription_id: idOf(endpoint),
      endpoint,
      ...keys,
      created_at: isoTime(this.#clock.now()),
      ...(session_id !== undefined && { session_id }),
      ...(user_agent !== undefined && { user_agent: cut(visible(user_agent), AGENT_CHARS) }),
      ...(origin !== undefined && { origin }),
    }
    const isOther = (each: SubscriptionRecord) => each.subscription_id !== record.subscription_id
    if (this.#all().filter(isOther).length >= MOST) return undefined
    await this.#change((all) => {
      const others = all.map((each) => ({ ...each, subscriptions: each.subscriptions.filter(isOther) }))
      const own = ownOf(others, key_id) ?? { key_id, subscriptions: [] }
      const subscriptions = [...own.subscriptions, record].slice(-MOST_OF_KEY)
      return [...others.filter((each) => each.key_id !== key_id), { ...own, subscriptions }]
    })
    this.#problems.delete(record.subscription_id)
    return this.#view({ ...record, key_id }, caller.name)
  }

  /**
   * Removes a subscription that the caller may remove. @returns false if there is none
   * @throws the system error
   */
  async remove(id: string, caller: Caller): Promise<boolean> {
    if (!this.list(caller).some(({ subscription_id }) => subscription_id === id)) return false
    await this.drop(id)
    return true
  }

  /** Removes a subscription that its push service no longer knows. @throws the system error */
  async drop(id: string): Promise<void> {
    this.#problems.delete(id)
    await this.#change((all) =>
      all.map((each) => ({
        ...each,
        subscriptions: each.subscriptions.filter(({ subscription_id }) => subscription_id !== id),
      })),
    )
  }

  /** Removes the subscriptions of keys and sessions that are no longer accepted. @throws the system error */
  async recheck(): Promise<void> {
    const isOver = (each: Subscription) => !this.#people.get(each.key_id) || !this.#isHeld(each)
    if (this.#all().some(isOver)) await this.#change((all) => all)
  }

  /** Notes why a notification was not delivered, or that one was delivered. */
  onSent(id: string, problem?: string) {
    if (problem === undefined) this.#problems.delete(id)
    else this.#problems.set(id, problem)
  }

  #all(): Subscription[] {
    return withOwners(this.#records)
  }

  /** Reports whether the session that made a subscription has not ended. */
  #isHeld({ session_id }: SubscriptionRecord): boolean {
    return session_id === undefined || this.#sessions.has(session_id)
  }

  #view(each: Subscription, name: string): HubSubscription {
    const { endpoint, p256dh, auth, origin, ...rest } = each
    const problem = this.#problems.get(each.subscription_id)
    return { ...rest, name, service: new URL(endpoint).host, ...(problem !== undefined && { problem }) }
  }

  async #change(edit: (all: readonly PushRecord[]) => readonly PushRecord[]): Promise<void> {
    let changed: readonly PushRecord[] = []
    await this.#store.change((stored) => {
      changed = edit(stored)
        .filter(({ key_id }) => this.#people.get(key_id) !== undefined)
        .map((each) => ({ ...each, subscriptions: each.subscriptions.filter((one) => this.#isHeld(one)) }))
      return changed
    })
    this.#records = changed
  }
}

const withOwners = (records: readonly PushRecord[]): Subscription[] =>
  records.flatMap(({ key_id, subscriptions }) => subscriptions.map((each) => ({ ...each, key_id })))

const ownOf = (all: readonly PushRecord[], keyId: string) => all.find(({ key_id }) => key_id === keyId)

/** Returns the id of the browser with an address at a push service, which the browser also knows. */
const idOf = (endpoint: string) => createHash('sha256').update(endpoint).digest('hex').slice(0, ID_CHARS)

const isFor = ({ key_id }: Subscription, caller: Caller) =>
  key_id === caller.key_id || covers(caller.role, 'admin' satisfies UserRole)
