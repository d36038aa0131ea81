import { randomBytes } from 'node:crypto'
import { type Clock, isoTime } from '../../platform/clock.ts'
import type { Logger } from '../../platform/log.ts'
import { visible } from '../../platform/visible-text.ts'
import type {
  EnrollAnswer,
  EnrollCheck,
  EnrollChecked,
  EnrollRequest,
  Enrolment,
  EnrolmentRequest,
  HubToken,
} from '../../protocol/index.ts'
import { HttpError } from '../http-error.ts'
import { idOf } from '../store/key-entry.ts'
import { hashOf } from '../store/key-text.ts'
import type { EnrollmentRecord } from '../store/records.ts'
import type { RecordList } from '../store/store.ts'
import type { Keys } from './keys.ts'
import type { MachineRegistry } from './machine-registry.ts'
import type { UserKeys } from './user-keys.ts'

const PREFIX = 'fet_'
const TOKEN_BYTES = 24

export interface EnrollmentsOptions {
  store: RecordList<EnrollmentRecord>
  keys: Keys
  people: UserKeys
  machines: Pick<MachineRegistry, 'ids'>
  logger: Logger
  clock: Clock
}

/**
 * The one-time tokens with which machines enroll. The machine generates its key and sends only the hash, so
 * the key never crosses the network. If an answer is lost, the request can be repeated.
 */
export class Enrollments {
  readonly #options: EnrollmentsOptions
  #turn: Promise<unknown> = Promise.resolve()
  /** Settles when the most recent `#take` has ended. */
  #taking: Promise<unknown> = Promise.resolve()

  constructor(options: EnrollmentsOptions) {
    this.#options = options
  }

  /** Finishes enrollments that were incomplete when the hub was killed. Called once. */
  async load(): Promise<void> {
    if ((await this.#options.store.all()).some(({ unfinished }) => unfinished)) await this.#finish()
  }

  async open({ name, group, labels, expires_in_s }: EnrolmentRequest, by?: string): Promise<Enrolment> {
    const { store, clock, logger } = this.#options
    const token = PREFIX + randomBytes(TOKEN_BYTES).toString('base64url')
    const at = clock.now()
    const expires_at = isoTime(at + expires_in_s * 1000)
    const entry: EnrollmentRecord = {
      sha256: hashOf(token),
      ...(name && { name }),
      ...(group !== undefined && { group }),
      ...(labels && { labels }),
      ...(by !== undefined && { by }),
      created_at: isoTime(at),
      expires_at,
    }
    await store.change((all) => [...all.filter((each) => each.expires_at > isoTime(at)), entry])
    logger.info({ name, expires_at }, 'a machine may enroll')
    return { token, expires_at, ...(name && { name }) }
  }

  /** Returns the tokens that have not expired. */
  async list(): Promise<HubToken[]> {
    return this.#openAmong(await this.#options.store.all())
  }

  /** Revokes a token. @throws HttpError if there is no such token or it was used */
  async cancel(tokenId: string): Promise<void> {
    // A machine that was admitted with this token is getting its key at this moment.
    await this.#taking
    await this.#options.store.change((all) => {
      const token = this.#openAmong(all).find(({ token_id }) => token_id === tokenId)
      if (!token) throw new HttpError(404, 'token_not_found', `Token ${visible(tokenId)} not found.`)
      if (token.key_id !== undefined)
        throw new HttpError(409, 'token_used', 'A machine has enrolled with this token.', {
          remedy: `Revoke that machine's key: \`fomular-daemon hub key revoke ${token.key_id}\`.`,
        })
      return all.filter(({ sha256 }) => idOf(sha256) !== tokenId)
    })
  }

  /**
   * Reports whether the machine is already enrolled or could enroll with this token.
   * @throws HttpError if the machine is not enrolled and cannot enroll
   */
  async check({ token, key_sha256 = '', machine_id }: EnrollCheck): Promise<EnrollChecked> {
    const { keys } = this.#options
    await keys.refresh()
    const known = keys.machineKeyName(key_sha256)
    if (known !== undefined && (machine_id === undefined || keys.mayBeFor(key_sha256, machine_id)))
      return { enrolled: true, name: known }
    const entry = await this.#find(token)
    if (!entry || !isFor(entry, key_sha256)) throw invalid()
    return { enrolled: false, ...(entry.name !== undefined && { name: entry.name }) }
  }

  /**
   * Enrolls a machine; requests run one at a time. Binds the key to `machine_id` if given. If the hub already
   * knows that machine, binds the key only if the request also shows the machine's previous key.
   * @param authorization header with the machine's previous key
   * @param noted records the enrollment in the audit log, then calls `take`; not called for a repeated
   * request
   * @throws HttpError
   */
  exchange(
    request: EnrollRequest,
    authorization: string | undefined,
    noted: (name: string, take: () => Promise<string>) => Promise<string>,
  ): Promise<EnrollAnswer> {
    const { key_sha256, machine_id } = request
    const answer = this.#turn.then(async () => {
      const { again, name: asked } = await this.#admit(request)
      const take = () => {
        const taken = this.#take(request, authorization)
        this.#taking = taken.catch(() => {})
        return taken
      }
      const name = again ? asked : await noted(asked, take)
      return {
        name,
        ...(machine_id !== undefined && { bound: this.#options.keys.isFor(key_sha256, machine_id) }),
      }
    })
    this.#turn = answer.catch(() => {})
    return answer
  }

  /** @throws HttpError if the token is not valid for this key */
  async #admit({ token, key_sha256, hostname }: EnrollRequest) {
    const { keys } = this.#options
    await keys.refresh()
    const entry = await this.#find(token)
    const known = keys.machineKeyName(key_sha256)
    // The machine that used the token repeats its request, unless its key was revoked in the meantime.
    const again = entry?.used_for === key_sha256 && known !== undefined
    if (!entry || !(again || isFor(entry, key_sha256))) throw invalid()
    if (known === undefined) this.#refuseTaken(key_sha256)
    return { entry, known, again, name: known ?? entry.name ?? hostname }
  }

  async #take(request: EnrollRequest, authorization: string | undefined): Promise<string> {
    const { keys, clock, machines, logger } = this.#options
    const { key_sha256, machine_id } = request
    // The token may have been revoked while the audit log was written.
    const { entry, known, name } = await this.#admit(request)
    const heir_of = keys.machineWith(authorization, machine_id)
    const free =
      machine_id !== undefined &&
      (machine_id === heir_of || keys.isFree(machine_id, machines.ids(), authorization))
    // Mark the token as used before the key is added: if the hub is killed between these steps, the token
    // must not admit a second machine.
    await this.#replace({ ...entry, used_for: key_sha256, unfinished: true })
    try {
      if (known === undefined)
        await keys.add({
          name,
          sha256: key_sha256,
          created_at: isoTime(clock.now()),
          named: entry.name !== undefined,
          ...(entry.group !== undefined && { group: entry.group }),
          ...(entry.labels && { labels: entry.labels }),
          ...(free && { machine_id }),
          ...(heir_of !== undefined && { heir_of }),
        })
    } catch (error) {
      if (!this.#isListed(key_sha256)) await this.#replace(entry)
      throw error
    }
    await this.#finish()
    logger.info({ name }, 'a machine has enrolled')
    return name
  }

  /** @throws HttpError if the token was revoked in the meantime */
  async #replace(entry: EnrollmentRecord): Promise<void> {
    await this.#options.store.change((all) => {
      if (!all.some(({ sha256 }) => sha256 === entry.sha256)) throw invalid()
      return all.map((each) => (each.sha256 === entry.sha256 ? entry : each))
    })
  }

  #openAmong(all: readonly EnrollmentRecord[]): HubToken[] {
    return all
      .filter((entry) => this.#isOpen(entry))
      .map(({ sha256, used_for, unfinished, ...rest }) => {
        const isUsed = used_for !== undefined && (!unfinished || this.#isListed(used_for))
        return {
          token_id: idOf(sha256),
          ...rest,
          used: isUsed,
          ...(isUsed && { key_id: idOf(used_for) }),
        }
      })
  }

  /** Reports whether a machine key is accepted. */
  #isListed(sha256: string): boolean {
    return this.#options.keys.machineKeyName(sha256) !== undefined
  }

  /**
   * Clears `unfinished` in enrollments whose key is listed. If the list cannot be written, the next start
   * tries again.
   */
  async #finish(): Promise<void> {
    const { store, logger } = this.#options
    await store
      .change((all) =>
        all.map(({ unfinished, ...entry }) =>
          unfinished && !this.#isListed(entry.used_for ?? '') ? { ...entry, unfinished } : entry,
        ),
      )
      .catch((error) => logger.error({ err: error }, 'could not write the list of enrollments'))
  }

  /**
   * Refuses a hash whose prefix, the key id, is already in use. This is possible because the enrolling
   * machine chooses the hash. @throws HttpError
   */
  #refuseTaken(sha256: string) {
    const { keys, people } = this.#options
    const id = idOf(sha256)
    if (keys.get(id) || people.get(id))
      throw new HttpError(409, 'key_taken', `Another key has the id ${id}.`, {
        path: 'key_sha256',
        remedy: 'Generate another key and enroll with it.',
      })
  }

  async #find(token: string): Promise<EnrollmentRecord | undefined> {
    const hash = hashOf(token)
    return (await this.#options.store.all()).find((each) => each.sha256 === hash && this.#isOpen(each))
  }

  #isOpen({ expires_at }: EnrollmentRecord): boolean {
    return expires_at > isoTime(this.#options.clock.now())
  }
}

/** Reports whether a token can still be used for a key. */
const isFor = ({ used_for, unfinished }: EnrollmentRecord, sha256: string) =>
  used_for === undefined || (unfinished === true && used_for === sha256)

const invalid = () =>
  new HttpError(401, 'token_invalid', 'This token is unknown, expired, or already used.', {
    remedy: "Create a new one: run `fomular-daemon machine add` on the hub's machine.",
  })
