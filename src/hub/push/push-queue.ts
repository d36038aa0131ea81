import { fullJitter } from '../../platform/backoff.ts'
import type { Clock, Timer } from '../../platform/clock.ts'
import { reasonOf } from '../../platform/errors.ts'
import type { Logger } from '../../platform/log.ts'
import { pauseMs } from '../../platform/retry-after.ts'
import type { Subscription, Subscriptions } from '../registry/subscriptions.ts'
import type { PushAnswer } from './push-services.ts'

/** Maximum number of notifications that wait, in all and for one subscription. */
const MOST = 4000
const MOST_OF_ONE = 64
/** Maximum number of requests at a time, in all and for one key. */
const AT_ONCE = 12
const AT_ONCE_OF_KEY = 3
/** Maximum number of attempts to send a notification. */
const ATTEMPTS = 5
/** Base of the pauses between attempts, and limits on the pause that a push service asks for, in milliseconds. */
const RETRY_MS = { base: 5000, least: 1000, most: 600_000 }

/** A notification for one subscription. Its content is made when it is sent. */
interface Waiting {
  id: string
  key_id: string
  /** Identifies the reason of the notification. */
  about: PushSubject
  attempts: number
}

/** The agent and the need that a notification is about. */
export interface PushSubject {
  key: string
  need: string
}

export interface PushQueueOptions {
  subscriptions: Pick<Subscriptions, 'accepted' | 'recheck' | 'drop' | 'onSent'>
  /** Sends a notification; undefined if its reason no longer exists. */
  send: (to: Subscription, about: PushSubject) => Promise<PushAnswer> | undefined
  clock: Clock
  logger: Logger
}

/**
 * The notifications that wait for their push services. A slow or failing push service delays only
 * notifications of the same key. Waiting notifications are lost when the hub ends.
 */
export class PushQueue {
  readonly #options: PushQueueOptions
  #waiting: Waiting[] = []
  /** Numbers of notifications of each subscription that wait, are sent, or are sent again later. */
  readonly #counts = new Map<string, number>()
  #size = 0
  #running = 0
  readonly #runningOfKey = new Map<string, number>()
  readonly #timers = new Set<Timer>()
  #closed = false

  constructor(options: PushQueueOptions) {
    this.#options = options
  }

  /** Adds a notification. Drops it if too many wait. @returns false if no further notification has room */
  add({ subscription_id: id, key_id }: Subscription, about: PushSubject): boolean {
    const count = this.#counts.get(id) ?? 0
    if (this.#closed || this.#size >= MOST || count >= MOST_OF_ONE) {
      this.#options.logger.warn({ key_id }, 'a notification was dropped, because too many wait')
      return !this.#closed && this.#size < MOST
    }
    this.#size++
    this.#counts.set(id, count + 1)
    this.#waiting.push({ id, key_id, about, attempts: 0 })
    this.#run()
    return true
  }

  close() {
    this.#closed = true
    this.#waiting = []
    for (const timer of this.#timers) this.#options.clock.clearTimeout(timer)
    this.#timers.clear()
  }

  #run() {
    while (this.#running < AT_ONCE) {
      const at = this.#waiting.findIndex(({ key_id }) => this.#ofKey(key_id) < AT_ONCE_OF_KEY)
      if (at === -1) return
      const [next] = this.#waiting.splice(at, 1)
      this.#begin(next!)
    }
  }

  #begin(next: Waiting) {
    this.#count(next.key_id, 1)
    void this.#attempt(next)
      .catch((error) => {
        this.#options.logger.error(
          { err: error, key_id: next.key_id },
          'could not change the list of subscriptions',
        )
        return undefined
      })
      .then((pause) => {
        this.#count(next.key_id, -1)
        if (pause === undefined) this.#leave(next)
        else this.#again(next, pause)
        this.#run()
      })
  }

  /** Sends a notification. @returns the pause before the next attempt, in milliseconds; undefined if none follows */
  async #attempt(next: Waiting): Promise<number | undefined> {
    const { subscriptions, send, clock } = this.#options
    const to = await subscriptions.accepted(next.id)
    if (!to) {
      await subscriptions.recheck()
      return undefined
    }
    next.attempts++
    let answer: PushAnswer | undefined
    try {
      answer = await send(to, next.about)
    } catch (error) {
      return this.#onFailure(next, to, reasonOf(error), fullJitter(next.attempts, { base_ms: RETRY_MS.base }))
    }
    if (!answer) return undefined
    const { status, retryAfter } = answer
    if (status >= 200 && status < 300) {
      subscriptions.onSent(next.id)
      return undefined
    }
    if (status === 404 || status === 410) {
      await subscriptions.drop(next.id)
      return undefined
    }
    const isTemporary = status === 429 || status >= 500
    const pause = retryAfter === undefined ? fullJitter(next.attempts, { base_ms: RETRY_MS.base }) : 0
    return this.#onFailure(
      next,
      to,
      `the push service answered ${status}`,
      isTemporary ? Math.max(pause, pauseMs(retryAfter, RETRY_MS, clock.now())) : undefined,
    )
  }

  #onFailure({ attempts, id }: Waiting, to: Subscription, problem: string, pause: number | undefined) {
    const { subscriptions, logger } = this.#options
    subscriptions.onSent(id, problem)
    if (pause !== undefined && attempts < ATTEMPTS) return pause
    const { host } = new URL(to.endpoint)
    logger.warn({ key_id: to.key_id, service: host, problem }, 'a notification was not delivered')
    return undefined
  }

  #again(next: Waiting, pause: number) {
    const { clock } = this.#options
    if (this.#closed) return
    const timer = clock.setTimeout(() => {
      this.#timers.delete(timer)
      this.#waiting.push(next)
      this.#run()
    }, pause)
    timer.unref()
    this.#timers.add(timer)
  }

  #leave({ id }: Waiting) {
    this.#size--
    const rest = (this.#counts.get(id) ?? 1) - 1
    if (rest > 0) this.#counts.set(id, rest)
    else this.#counts.delete(id)
  }

  #ofKey(keyId: string): number {
    return this.#runningOfKey.get(keyId) ?? 0
  }

  #count(keyId: string, by: 1 | -1) {
    this.#running += by
    const rest = this.#ofKey(keyId) + by
    if (rest > 0) this.#runningOfKey.set(keyId, rest)
    else this.#runningOfKey.delete(keyId)
  }
}
