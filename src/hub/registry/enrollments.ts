import { randomBytes } from 'node:crypto'
import * as z from 'zod/mini'
import { readJson, setAside, writeAtomic } from '../../platform/files.ts'
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
import { hashOf } from '../store/files/key-store.ts'
import { idOf } from './key-entry.ts'
import type { Keys } from './keys.ts'
import type { UserKeys } from './user-keys.ts'

const PREFIX = 'fet_'
const TOKEN_BYTES = 24

/** `enrolments.json`: tokens, each for one machine, stored as hashes. */
const EnrolmentsFile = z.object({
  version: z.literal(1),
  enrolments: z.array(
    z.object({
      sha256: z.string(),
      name: z.optional(z.string()),
      created_at: z.string(),
      expires_at: z.string(),
      /** Name of the user key that created it. */
      by: z.optional(z.string()),
      /** Hash of the machine key that was enrolled with it. */
      used_for: z.optional(z.string()),
      /**
       * True if `keys.json` may lack that key. In that case only a request with the same key may reuse the
       * token.
       */
      unfinished: z.optional(z.boolean()),
    }),
  ),
})
type Entry = z.infer<typeof EnrolmentsFile>['enrolments'][number]

export interface EnrollmentsOptions {
  path: string
  keys: Keys
  people: UserKeys
  /** Returns every machine that has connected and was not removed. */
  known(): readonly string[]
  logger: Logger
  now(): number
}

/**
 * Holds one-time tokens with which machines enroll. The machine generates its key and sends only the hash, so
 * the key never crosses the network, and a request whose answer was lost can be repeated.
 */
export class Enrollments {
  readonly #options: EnrollmentsOptions
  #entries: readonly Entry[] = []
  #turn: Promise<unknown> = Promise.resolve()

  constructor(options: EnrollmentsOptions) {
    this.#options = options
    const { path, logger } = options
    const read = readJson(path, EnrolmentsFile)
    if (read.ok) this.#entries = read.value.enrolments
    else if (read.reason === 'damaged')
      logger.error({ aside: setAside(path), problem: read.problem }, 'damaged list of enrollments set aside')
    if (this.#entries.some(({ unfinished }) => unfinished)) this.#finish()
  }

  open({ name, expires_in_s }: EnrolmentRequest, by?: string): Enrolment {
    const { now, logger } = this.#options
    const token = PREFIX + randomBytes(TOKEN_BYTES).toString('base64url')
    const at = now()
    const expires_at = iso(at + expires_in_s * 1000)
    const entry: Entry = {
      sha256: hashOf(token),
      ...(name && { name }),
      ...(by !== undefined && { by }),
      created_at: iso(at),
      expires_at,
    }
    this.#save([...this.#entries.filter((each) => each.expires_at > iso(at)), entry])
    logger.info({ name, expires_at }, 'a machine may enroll')
    return { token, expires_at, ...(name && { name }) }
  }

  /** Returns the tokens that have not expired. */
  list(): HubToken[] {
    const at = iso(this.#options.now())
    return this.#entries
      .filter(({ expires_at }) => expires_at > at)
      .map(({ sha256, used_for, unfinished, ...rest }) => {
        const key = unfinished ? undefined : used_for
        return {
          token_id: idOf(sha256),
          ...rest,
          used: key !== undefined,
          ...(key !== undefined && { key_id: idOf(key) }),
        }
      })
  }

  /** Revokes a token. @throws HttpError if there is no such token or it was used */
  cancel(tokenId: string) {
    const token = this.list().find(({ token_id }) => token_id === tokenId)
    if (!token) throw new HttpError(404, 'token_not_found', `Token ${visible(tokenId)} not found.`)
    if (token.key_id !== undefined)
      throw new HttpError(409, 'token_used', 'A machine has enrolled with this token.', {
        remedy: `Revoke that machine's key: \`fomular-daemon hub key revoke ${token.key_id}\`.`,
      })
    this.#save(this.#entries.filter(({ sha256 }) => idOf(sha256) !== tokenId))
  }

  /**
   * Reports whether the machine is already enrolled or could enroll with this token.
   * @throws HttpError if neither
   */
  check({ token, key_sha256 = '', machine_id }: EnrollCheck): EnrollChecked {
    const { keys } = this.#options
    const known = keys.machineKeyName(key_sha256)
    if (known !== undefined && (machine_id === undefined || keys.mayBeFor(key_sha256, machine_id)))
      return { enrolled: true, name: known }
    const entry = this.#find(token)
    if (!entry || !isFor(entry, key_sha256)) throw invalid()
    return { enrolled: false, ...(entry.name !== undefined && { name: entry.name }) }
  }

  /**
   * Enrolls a machine; requests run one at a time. Binds the key to `machine_id` if given, unless the hub
   * already knows that machine and the request does not show its key.
   * @param authorization header with the machine's previous key
   * @param noted records the enrollment in the audit log, then calls `take`; not called for a repeated
   * request
   * @throws HttpError
   */
  exchange(
    request: EnrollRequest,
    authorization: string | undefined,
    noted: (name: string, take: () => string) => Promise<string>,
  ): Promise<EnrollAnswer> {
    const { key_sha256, machine_id } = request
    const answer = this.#turn.then(async () => {
      const { again, name: asked } = this.#admit(request)
      const name = again ? asked : await noted(asked, () => this.#take(request, authorization))
      return {
        name,
        ...(machine_id !== undefined && { bound: this.#options.keys.isFor(key_sha256, machine_id) }),
      }
    })
    this.#turn = answer.catch(() => {})
    return answer
  }

  /** @throws HttpError if the token is not valid for this key */
  #admit({ token, key_sha256, hostname }: EnrollRequest) {
    const entry = this.#find(token)
    const known = this.#options.keys.machineKeyName(key_sha256)
    // A repeated request of the machine that used the token, unless its key was revoked since.
    const again = entry?.used_for === key_sha256 && known !== undefined
    if (!entry || !(again || isFor(entry, key_sha256))) throw invalid()
    if (known === undefined) this.#refuseTaken(key_sha256)
    return { entry, known, again, name: known ?? entry.name ?? hostname }
  }

  #take(request: EnrollRequest, authorization: string | undefined): string {
    const { keys, now, known: machines, logger } = this.#options
    const { key_sha256, machine_id } = request
    // The token may have been revoked while the audit log was written.
    const { entry, known, name } = this.#admit(request)
    const heir_of = keys.machineWith(authorization, machine_id)
    const free =
      machine_id !== undefined &&
      (machine_id === heir_of || keys.isFree(machine_id, machines(), authorization))
    // Mark the token as used first: if the hub is killed here, the token must not admit a second machine.
    this.#replace({ ...entry, used_for: key_sha256, unfinished: true })
    try {
      if (known === undefined)
        keys.add({
          name,
          sha256: key_sha256,
          created_at: iso(now()),
          named: entry.name !== undefined,
          ...(free && { machine_id }),
          ...(heir_of !== undefined && { heir_of }),
        })
    } catch (error) {
      if (keys.machineKeyName(key_sha256) === undefined) this.#replace(entry)
      throw error
    }
    this.#finish()
    logger.info({ name }, 'a machine has enrolled')
    return name
  }

  #replace(entry: Entry) {
    this.#save(this.#entries.map((each) => (each.sha256 === entry.sha256 ? entry : each)))
  }

  /**
   * Clears `unfinished` where the key is listed. If writing fails, it is cleared only in memory, and the next
   * start repeats it.
   */
  #finish() {
    const { keys, logger } = this.#options
    const isKnown = ({ used_for = '' }: Entry) => keys.machineKeyName(used_for) !== undefined
    this.#entries = this.#entries.map(({ unfinished, ...entry }) =>
      unfinished && !isKnown(entry) ? { ...entry, unfinished } : entry,
    )
    try {
      this.#save(this.#entries)
    } catch (error) {
      logger.error({ err: error }, 'could not write the list of enrollments')
    }
  }

  /** Refuses a hash whose prefix, the key id, is taken: the enrolling machine chooses it. @throws HttpError */
  #refuseTaken(sha256: string) {
    const { keys, people } = this.#options
    const id = idOf(sha256)
    if (keys.get(id) || people.get(id))
      throw new HttpError(409, 'key_taken', `Another key has the id ${id}.`, {
        path: 'key_sha256',
        remedy: 'Generate another key and enroll with it.',
      })
  }

  #find(token: string): Entry | undefined {
    const hash = hashOf(token)
    const at = iso(this.#options.now())
    return this.#entries.find((each) => each.sha256 === hash && each.expires_at > at)
  }

  /** Writes the list. If that fails, nothing changes. @throws the system error */
  #save(enrolments: readonly Entry[]) {
    const text = JSON.stringify({ version: 1, enrolments }, null, 2)
    writeAtomic(this.#options.path, text, { durable: true })
    this.#entries = enrolments
  }
}

/** Reports whether a token can still be used for a key. */
const isFor = ({ used_for, unfinished }: Entry, sha256: string) =>
  used_for === undefined || (unfinished === true && used_for === sha256)

const invalid = () =>
  new HttpError(401, 'token_invalid', 'This token is unknown, expired, or already used.', {
    remedy: "Create a new one: run `fomular-daemon machine add` on the hub's machine.",
  })

const iso = (ms: number) => new Date(ms).toISOString()
