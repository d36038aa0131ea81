import { randomBytes, timingSafeEqual } from 'node:crypto'
import { type Clock, isoTime } from '../../platform/clock.ts'
import type { Logger } from '../../platform/log.ts'
import { visible } from '../../platform/visible-text.ts'
import type { HubSession, UserRole } from '../../protocol/index.ts'
import { cut } from '../../protocol/shorten.ts'
import { hashOf } from '../store/key-text.ts'
import type { SessionRecord } from '../store/records.ts'
import type { RecordList } from '../store/store.ts'
import { covers } from './roles.ts'
import type { Caller, UserKeys } from './user-keys.ts'

const HOUR_MS = 3_600_000
const DAY_MS = 24 * HOUR_MS
/** Time without use after which a session ends, in milliseconds. */
const IDLE_MS = 30 * DAY_MS
/** Time after which a session ends, even if it is in use, in milliseconds. */
const LIFE_MS = 90 * DAY_MS
/** Interval at which the times of last use are written, in milliseconds. */
const SAVE_MS = HOUR_MS
/** Maximum number of sessions of one key. */
const MOST_OF_KEY = 32
/** Maximum length of a browser's description of itself, in characters. */
const AGENT_CHARS = 200
const ID_BYTES = 8
const SECRET_BYTES = 32

/** The session of a request: the id and secret in its header, and the secrets in its cookies for this id. */
export interface ShownSession {
  session_id: string
  secret: string
  cookies: readonly string[]
}

/** A new session, with its two secrets, which the hub does not keep. */
interface Created {
  session: HubSession
  secret: string
  cookie: string
  /** Ids of the sessions that ended, because their key had too many. */
  ended: string[]
}

export interface SessionsOptions {
  store: RecordList<SessionRecord>
  people: UserKeys
  clock: Clock
  logger: Logger
}

/**
 * The sessions of browsers. A session belongs to a user key, and has two secrets, because neither place in a
 * browser is safe alone: all servers on a host get its cookies, and scripts of a page can read its storage.
 */
export class Sessions {
  readonly #store: RecordList<SessionRecord>
  readonly #people: UserKeys
  readonly #clock: Clock
  readonly #logger: Logger
  #records = new Map<string, SessionRecord>()
  /** Time at which the times of last use were written. */
  #savedMs = 0

  constructor({ store, people, clock, logger }: SessionsOptions) {
    this.#store = store
    this.#people = people
    this.#clock = clock
    this.#logger = logger
  }

  /** Loads the sessions. Called once. */
  async load(): Promise<void> {
    this.#keep(await this.#store.all())
  }

  /** Returns the caller with a session; undefined if the session or its key is not accepted now. */
  async callerWith({ session_id, secret, cookies }: ShownSession): Promise<Caller | undefined> {
    const record = this.#records.get(session_id)
    if (!record || !this.#isCurrent(record)) return undefined
    const hasCookie = cookies.some((cookie) => isSecretOf(record.cookie_sha256, cookie))
    if (!isSecretOf(record.secret_sha256, secret) || !hasCookie) return undefined
    const caller = await this.#people.callerWithId(record.key_id)
    if (!caller) return undefined
    this.#onUse(record)
    return { ...caller, session_id }
  }

  /** Reports whether a session has not ended. Its key may have been revoked. */
  has(sessionId: string): boolean {
    return this.#current(sessionId) !== undefined
  }

  /**
   * Returns a caller with the current role of its key; undefined if the key or the session is no longer
   * accepted.
   */
  async current({ key_id, session_id }: Caller): Promise<Caller | undefined> {
    if (session_id !== undefined && !this.#current(session_id)) return undefined
    const caller = await this.#people.callerWithId(key_id)
    return caller && { ...caller, ...(session_id !== undefined && { session_id }) }
  }

  /**
   * Reports whether a caller is still accepted, with the same role. A request that is still open counts as
   * use of its session.
   */
  async accepts(caller: Caller): Promise<boolean> {
    if (!(await this.#people.accepts(caller))) return false
    if (caller.session_id === undefined) return true
    const record = this.#current(caller.session_id)
    if (record) this.#onUse(record)
    return record !== undefined
  }

  /**
   * Creates a session. If its key has too many sessions, the oldest ends. A session that is created with
   * another session ends no later than that session.
   * @throws the system error
   */
  async create(by: Caller, { from, user_agent }: Pick<HubSession, 'from' | 'user_agent'>): Promise<Created> {
    const [secret, cookie] = [makeSecret(), makeSecret()]
    const now = this.#clock.now()
    const parent = by.session_id === undefined ? undefined : this.#records.get(by.session_id)
    const record: SessionRecord = {
      session_id: randomBytes(ID_BYTES).toString('hex'),
      key_id: by.key_id,
      secret_sha256: hashOf(secret),
      cookie_sha256: hashOf(cookie),
      created_at: isoTime(now),
      used_at: isoTime(now),
      expires_at: parent?.expires_at ?? isoTime(now + LIFE_MS),
      ...(from !== undefined && { from }),
      ...(user_agent !== undefined && { user_agent: cut(visible(user_agent), AGENT_CHARS) }),
    }
    let ended: string[] = []
    await this.#change((all) => {
      const ofKey = all.filter(({ key_id }) => key_id === by.key_id).map(({ session_id }) => session_id)
      ended = ofKey.slice(0, Math.max(0, ofKey.length - MOST_OF_KEY + 1))
      return [...all.filter(({ session_id }) => !ended.includes(session_id)), record]
    })
    return { session: this.#view(record, by.name), secret, cookie, ended }
  }

  /** Returns the sessions that a caller may end: the sessions of its key, or all sessions for an admin. */
  list(caller: Caller): HubSession[] {
    return [...this.#records.values()].flatMap((record) => {
      const owner = this.#people.get(record.key_id)
      if (!owner || !this.#isCurrent(record) || !isFor(record, caller)) return []
      const isOwn = record.session_id === caller.session_id
      return [{ ...this.#view(record, owner.name), ...(isOwn && { current: true }) }]
    })
  }

  /**
   * Ends a session that the caller may end. @returns false if there is none
   * @throws the system error
   */
  async end(sessionId: string, caller: Caller): Promise<boolean> {
    const record = this.#current(sessionId)
    if (!record || !isFor(record, caller)) return false
    await this.#change((all) => all.filter((each) => each.session_id !== sessionId))
    return true
  }

  #view({ secret_sha256, cookie_sha256, ...rest }: SessionRecord, name: string): HubSession {
    return { ...rest, name }
  }

  #current(sessionId: string): SessionRecord | undefined {
    const record = this.#records.get(sessionId)
    return record && this.#isCurrent(record) ? record : undefined
  }

  #isCurrent({ used_at, expires_at }: SessionRecord): boolean {
    const now = this.#clock.now()
    return now < Date.parse(expires_at) && now < Date.parse(used_at) + IDLE_MS
  }

  #onUse(record: SessionRecord) {
    const now = this.#clock.now()
    record.used_at = isoTime(now)
    if (now - this.#savedMs < SAVE_MS) return
    this.#savedMs = now
    this.#change((all) => all).catch((error) =>
      this.#logger.error({ err: error }, 'could not write the list of sessions'),
    )
  }

  /** Changes the list, from which all sessions that have ended are removed. @throws the system error */
  async #change(edit: (all: readonly SessionRecord[]) => readonly SessionRecord[]): Promise<void> {
    let changed: readonly SessionRecord[] = []
    await this.#store.change((stored) => {
      const known = stored.map((each) => this.#records.get(each.session_id) ?? each)
      changed = edit(
        known.filter((each) => this.#isCurrent(each) && this.#people.get(each.key_id) !== undefined),
      )
      return changed
    })
    this.#keep(changed)
    this.#savedMs = this.#clock.now()
  }

  #keep(all: readonly SessionRecord[]) {
    this.#records = new Map(all.map((each) => [each.session_id, { ...each }]))
  }
}

const makeSecret = () => randomBytes(SECRET_BYTES).toString('base64url')

const isFor = ({ key_id }: SessionRecord, caller: Caller) =>
  key_id === caller.key_id || covers(caller.role, 'admin' satisfies UserRole)

function isSecretOf(sha256: string, secret: string): boolean {
  const [stored, shown] = [Buffer.from(sha256), Buffer.from(hashOf(secret))]
  return stored.length === shown.length && timingSafeEqual(stored, shown)
}
