import type { ServerResponse } from 'node:http'
import type { Context } from 'hono'
import type { Clock, Timer } from '../../platform/clock.ts'
import type { Sessions } from '../registry/sessions.ts'
import type { Caller } from '../registry/user-keys.ts'
import { overHttp } from './request.ts'

/** Interval, in milliseconds, between checks for keys that were changed in their files, and for sessions that have expired. */
const LOOK_MS = 10_000

/**
 * Open requests. A request ends when its key is revoked or its session ends; a stream would otherwise run
 * forever.
 */
export class OpenRequests {
  readonly #sessions: Pick<Sessions, 'accepts'>
  readonly #clock: Clock
  readonly #open = new Map<ServerResponse, Caller>()
  #timer: Timer | undefined

  constructor({ sessions, clock }: { sessions: Pick<Sessions, 'accepts'>; clock: Clock }) {
    this.#sessions = sessions
    this.#clock = clock
  }

  watch(c: Context, caller: Caller) {
    const { outgoing } = overHttp(c)
    this.#open.set(outgoing, caller)
    outgoing.once('close', () => {
      this.#open.delete(outgoing)
      if (this.#open.size === 0) this.#rest()
    })
    this.#timer ??= this.#clock.setTimeout(() => this.#look(), LOOK_MS)
  }

  /**
   * Ends requests whose keys or sessions are no longer accepted. Does not end the request that changed them.
   */
  async recheck(except?: Context): Promise<void> {
    const spared = except && overHttp(except).outgoing
    const all = [...this.#open].filter(([outgoing]) => outgoing !== spared)
    await Promise.all(
      all.map(async ([outgoing, caller]) => {
        if (!(await this.#sessions.accepts(caller))) outgoing.destroy()
      }),
    )
  }

  /** Ends the requests of sessions that have ended, except the request that ended them. */
  endSessions(ids: readonly string[], except: Context) {
    const spared = overHttp(except).outgoing
    for (const [outgoing, { session_id }] of this.#open)
      if (outgoing !== spared && session_id !== undefined && ids.includes(session_id)) outgoing.destroy()
  }

  #look() {
    this.#timer = undefined
    void this.recheck()
    if (this.#open.size > 0) this.#timer = this.#clock.setTimeout(() => this.#look(), LOOK_MS)
  }

  #rest() {
    if (this.#timer) this.#clock.clearTimeout(this.#timer)
    this.#timer = undefined
  }
}
