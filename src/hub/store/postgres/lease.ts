import { hostname } from 'node:os'
import type { Clock, Timer } from '../../../platform/clock.ts'
import { UserError } from '../../../platform/errors.ts'
import { EXIT } from '../../../platform/exit-codes.ts'
import type { Database } from './database.ts'

/** Interval of the signs of life, and the time after which a silent hub has lost the database. */
const BEAT_MS = 5000
export const SILENCE_S = 20

export interface LeaseOptions {
  database: Database
  /** Identifies the hub's folder: only one hub at a time runs on it, so an earlier hub with this id has ended. */
  holder: string
  clock: Clock
}

/**
 * The right to write to the database, which one hub has at a time. Each hub that takes it raises its epoch, and a
 * hub with an earlier epoch can write nothing more, however late it wakes up.
 */
export class Lease {
  readonly #options: LeaseOptions
  #timer: Timer | undefined
  #lost: (reason: UserError) => void = () => {}
  #closed = false

  constructor(options: LeaseOptions) {
    this.#options = options
  }

  /** @throws UserError if another hub has the lease */
  async take(): Promise<void> {
    const { database, holder } = this.#options
    const description = `process ${process.pid} on ${hostname()}`
    const [taken] = await database.run(
      (sql) => sql<{ epoch: string }[]>`
        insert into lease (name, epoch, holder, description, seen_at)
        values ('hub', 1, ${holder}, ${description}, now())
        on conflict (name) do update
        set epoch = lease.epoch + 1, holder = ${holder}, description = ${description}, seen_at = now()
        where lease.holder = ${holder} or lease.seen_at < now() - make_interval(secs => ${SILENCE_S})
        returning epoch`,
    )
    if (!taken) throw await this.#running()
    database.epoch = BigInt(taken.epoch)
    this.#schedule()
  }

  /** @param lost called once when another hub has taken the lease */
  watch(lost: (reason: UserError) => void): () => void {
    this.#lost = lost
    return () => {
      this.#lost = () => {}
    }
  }

  /** Lets another hub take the lease at once. */
  async release(): Promise<void> {
    this.#closed = true
    if (this.#timer) this.#options.clock.clearTimeout(this.#timer)
    const epoch = String(this.#options.database.epoch)
    await this.#options.database
      .run((sql) => sql`update lease set seen_at = '-infinity' where epoch = ${epoch}`)
      // Without a sign of life, the lease ends by itself.
      .catch(() => {})
  }

  /** Tells the hub that it must end. @param reason the reason, if it is not another hub that has taken over */
  async lose(reason?: UserError): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    this.#lost(reason ?? (await this.#running().catch(() => taken('another hub'))))
  }

  #schedule() {
    if (this.#closed) return
    this.#timer = this.#options.clock.setTimeout(() => void this.#beat(), BEAT_MS).unref()
  }

  async #beat(): Promise<void> {
    const { database } = this.#options
    try {
      const epoch = String(database.epoch)
      const held = await database.run((sql) => sql`update lease set seen_at = now() where epoch = ${epoch}`)
      if (held.count === 0) return await this.lose()
    } catch {
      // The database is away. Unless another hub takes the lease, it stays valid.
    }
    this.#schedule()
  }

  async #running(): Promise<UserError> {
    const [row] = await this.#options.database.run(
      (sql) => sql<{ description: string }[]>`select description from lease`,
    )
    return taken(row?.description ?? 'another hub')
  }
}

const taken = (holder: string) =>
  new UserError('hub_running', `Another hub uses the database: ${holder}.`, {
    remedy: `Use that hub, or stop it. If its machine has failed, start this hub again after ${SILENCE_S} s.`,
    exitCode: EXIT.refused,
  })
