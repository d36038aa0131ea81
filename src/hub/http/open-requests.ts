import type { ServerResponse } from 'node:http'
import type { Context } from 'hono'
import type { Clock, Timer } from '../../platform/clock.ts'
import type { Caller, UserKeys } from '../registry/user-keys.ts'
import { overHttp } from './request.ts'

/** Interval, in milliseconds, between checks for keys that were changed in their files. */
const LOOK_MS = 10_000

/** Open requests. A request ends when its key is revoked; a stream would otherwise run forever. */
export class OpenRequests {
  readonly #people: UserKeys
  readonly #clock: Clock
  readonly #open = new Map<ServerResponse, Caller>()
  #timer: Timer | undefined

  constructor({ people, clock }: { people: UserKeys; clock: Clock }) {
    this.#people = people
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

  /** Ends requests whose keys are no longer accepted. Does not end the request that changed the keys. */
  async recheck(except?: Context): Promise<void> {
    const spared = except && overHttp(except).outgoing
    const all = [...this.#open].filter(([outgoing]) => outgoing !== spared)
    await Promise.all(
      all.map(async ([outgoing, caller]) => {
        if (!(await this.#people.accepts(caller))) outgoing.destroy()
      }),
    )
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
