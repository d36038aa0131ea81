import type { Clock, Timer } from '../../platform/clock.ts'
import { isAfter } from '../store/event-id.ts'
import type { AgentFollower, Broadcast, StatusNow } from './agent-follower.ts'
import type { SharedHistory } from './shared-history.ts'
import type { Slices } from './slices.ts'

export interface AgentBroadcastOptions {
  history: SharedHistory
  /** Returns the agent's current status as a message; undefined if the agent has no status. */
  statusText(): Promise<Buffer | undefined>
  /** Returns the minimum time between two rounds, in milliseconds. */
  intervalMs(): number
  /** Runs the writes of all streams. */
  writes: Slices
  clock: Clock
}

/**
 * The streams of one agent. In each round, it reads the new events once, and wakes the streams. If there are many
 * streams, a round waits until there are several events to send.
 */
export class AgentBroadcast implements Broadcast {
  readonly history: SharedHistory
  readonly #options: AgentBroadcastOptions
  readonly #followers = new Set<AgentFollower>()
  status: StatusNow | undefined
  isOver = false
  /** Number of the next status. */
  #statuses = 0
  /** True if a stream waits for the next status. */
  #isStatusDue = false
  #isDue = false
  #isInRound = false
  #timer: Timer | undefined
  /** Earliest time of the next round. */
  #next = Number.NEGATIVE_INFINITY

  constructor(options: AgentBroadcastOptions) {
    this.#options = options
    this.history = options.history
  }

  get size() {
    return this.#followers.size
  }

  add(follower: AgentFollower) {
    this.#followers.add(follower)
    this.#expectStatus([follower])
    follower.wake()
  }

  remove(follower: AgentFollower) {
    this.#followers.delete(follower)
  }

  /** Sends new events as soon as the interval permits. */
  sendSoon() {
    this.#isDue = true
    if (this.#isInRound || this.#timer) return
    const { clock } = this.#options
    const wait = this.#next - clock.monotonic()
    if (wait <= 0) return this.#startRound()
    this.#timer = clock.setTimeout(() => {
      this.#timer = undefined
      this.#startRound()
    }, wait)
  }

  /** Sends the agent's status soon. */
  onStatus() {
    this.#expectStatus(this.#followers)
  }

  /** Ends all streams, and stops reading. */
  end() {
    this.isOver = true
    this.history.close()
    if (this.#timer) this.#options.clock.clearTimeout(this.#timer)
    this.wakeAll()
  }

  wakeAll() {
    for (const follower of this.#followers) follower.wake()
  }

  #expectStatus(followers: Iterable<AgentFollower>) {
    for (const follower of followers) follower.expectStatus(this.#statuses)
    this.#isStatusDue = true
    this.sendSoon()
  }

  #startRound() {
    const { clock, intervalMs } = this.#options
    this.#next = clock.monotonic() + intervalMs()
    this.#isInRound = true
    void this.#round().finally(() => {
      this.#isInRound = false
      if (this.#isDue && !this.isOver) this.sendSoon()
    })
  }

  /** Sends the events that are durable when the round begins, and a status if one is due. */
  async #round() {
    const { history } = this
    const { writes } = this.#options
    this.#isDue = false
    await history.open()
    const after = history.durable
    const status = await this.#takeStatus()
    let isBehind: boolean
    do {
      if (isAfter(after, history.live)) await history.readNews()
      isBehind = isAfter(after, history.live)
      if (status && !isBehind) this.status = { ...status, after }
      this.wakeAll()
      // If the reads were faster than the writes, all streams would soon read by themselves.
      await writes.ran()
    } while (isBehind && !this.isOver)
  }

  async #takeStatus(): Promise<Omit<StatusNow, 'after'> | undefined> {
    if (!this.#isStatusDue) return undefined
    this.#isStatusDue = false
    const number = this.#statuses++
    const text = await this.#options.statusText()
    return text && { text, number }
  }
}
