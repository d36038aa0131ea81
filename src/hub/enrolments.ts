import { randomBytes } from 'node:crypto'
import * as z from 'zod/mini'
import { readJson, setAside, writeAtomic } from '../platform/files.ts'
import type { Logger } from '../platform/log.ts'
import { visible } from '../platform/visible.ts'
import type {
  EnrollAnswer,
  EnrollCheck,
  EnrollChecked,
  EnrollRequest,
  Enrolment,
  EnrolmentRequest,
  HubToken,
} from '../protocol/index.ts'
import { Fault } from './fault.ts'
import { idOf } from './key-entry.ts'
import { hashOf } from './key-store.ts'
import type { Keys } from './keys.ts'
import type { UserKeys } from './user-keys.ts'

const PREFIX = 'fet_'
const TOKEN_BYTES = 24

/** `enrolments.json`: tokens that are good for one machine each, known by their hashes only. */
const EnrolmentsFile = z.object({
  version: z.literal(1),
  enrolments: z.array(
    z.object({
      sha256: z.string(),
      name: z.optional(z.string()),
      created_at: z.string(),
      expires_at: z.string(),
      /** Name of the key of people by which it was made. */
      by: z.optional(z.string()),
      /** The key that a machine has got for it. */
      used_for: z.optional(z.string()),
      /** The list of keys need not have that key yet: where it does not, that machine alone may ask again. */
      unfinished: z.optional(z.boolean()),
    }),
  ),
})
type Entry = z.infer<typeof EnrolmentsFile>['enrolments'][number]

export interface EnrolmentsOptions {
  path: string
  keys: Keys
  people: UserKeys
  /** Every machine that has connected and was not removed. */
  known(): readonly string[]
  logger: Logger
  now(): number
}

/**
 * One-time tokens by which machines come to keys of their own. The machine makes its key and shows its hash: the key
 * itself is never on the wire, and a request whose answer was lost can be sent again.
 */
export class Enrolments {
  readonly #options: EnrolmentsOptions
  #entries: readonly Entry[] = []
  #turn: Promise<unknown> = Promise.resolve()

  constructor(options: EnrolmentsOptions) {
    this.#options = options
    const { path, logger } = options
    const read = readJson(path, EnrolmentsFile)
    if (read.ok) this.#entries = read.value.enrolments
    else if (read.reason === 'damaged')
      logger.error({ aside: setAside(path), problem: read.problem }, 'damaged list of enrolments set aside')
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

  /** Tokens that have not expired. */
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

  /** Accepts a token no longer. @throws Fault where there is none, or it was used */
  cancel(tokenId: string) {
    const token = this.list().find(({ token_id }) => token_id === tokenId)
    if (!token) throw new Fault(404, 'token_not_found', `There is no token ${visible(tokenId)}.`)
    if (token.key_id !== undefined)
      throw new Fault(409, 'token_used', 'A machine has enrolled with this token.', {
        remedy: `Revoke the key of that machine: \`fomular-daemon hub key revoke ${token.key_id}\`.`,
      })
    this.#save(this.#entries.filter(({ sha256 }) => idOf(sha256) !== tokenId))
  }

  /** What `exchange` would say, and whether there is any need of it. @throws Fault */
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
   * Takes a machine in, one after the other. With `machine_id`, the key is bound to this machine, unless the hub knows it and
   * its key was not shown.
   * @param authorization with the key that the machine had before
   * @param noted notes that a machine of this name enrolls, and does what it is given after that; not called where this
   * machine has enrolled with this token before
   * @throws Fault
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

  /** @throws Fault where the token is not good for this key */
  #admit({ token, key_sha256, hostname }: EnrollRequest) {
    const entry = this.#find(token)
    const known = this.#options.keys.machineKeyName(key_sha256)
    // Sent again by the machine that has it already, unless that was locked out meanwhile.
    const again = entry?.used_for === key_sha256 && known !== undefined
    if (!entry || !(again || isFor(entry, key_sha256))) throw invalid()
    if (known === undefined) this.#refuseTaken(key_sha256)
    return { entry, known, again, name: known ?? entry.name ?? hostname }
  }

  #take(request: EnrollRequest, authorization: string | undefined): string {
    const { keys, now, known: machines, logger } = this.#options
    const { key_sha256, machine_id } = request
    // While it was noted, the token may have been cancelled.
    const { entry, known, name } = this.#admit(request)
    const heir_of = keys.machineWith(authorization, machine_id)
    const free =
      machine_id !== undefined &&
      (machine_id === heir_of || keys.isFree(machine_id, machines(), authorization))
    // The token first: a hub that is killed in between has not let in two machines with it.
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

  /** Where the disk does not take it, it holds until the hub ends, and is found out again when it starts. */
  #finish() {
    const { keys, logger } = this.#options
    const isKnown = ({ used_for = '' }: Entry) => keys.machineKeyName(used_for) !== undefined
    this.#entries = this.#entries.map(({ unfinished, ...entry }) =>
      unfinished && !isKnown(entry) ? { ...entry, unfinished } : entry,
    )
    try {
      this.#save(this.#entries)
    } catch (error) {
      logger.error({ err: error }, 'the list of enrolments could not be written')
    }
  }

  /** People name a key by the beginning of its hash, which whoever enrolls chooses. @throws Fault */
  #refuseTaken(sha256: string) {
    const { keys, people } = this.#options
    const id = idOf(sha256)
    if (keys.get(id) || people.get(id))
      throw new Fault(409, 'key_taken', `There is another key whose id is ${id}.`, {
        path: 'key_sha256',
        remedy: 'Make another key, and enroll with that.',
      })
  }

  #find(token: string): Entry | undefined {
    const hash = hashOf(token)
    const at = iso(this.#options.now())
    return this.#entries.find((each) => each.sha256 === hash && each.expires_at > at)
  }

  /** Where the disk does not take it, nothing has changed. @throws the system's error */
  #save(enrolments: readonly Entry[]) {
    const text = JSON.stringify({ version: 1, enrolments }, null, 2)
    writeAtomic(this.#options.path, text, { durable: true })
    this.#entries = enrolments
  }
}

/** Whether a token may still be used for a key. */
const isFor = ({ used_for, unfinished }: Entry, sha256: string) =>
  used_for === undefined || (unfinished === true && used_for === sha256)

const invalid = () =>
  new Fault(401, 'token_invalid', 'This token is not known here, has expired, or has been used.', {
    remedy: 'Get a new one: `fomular-daemon machine add` where the hub is.',
  })

const iso = (ms: number) => new Date(ms).toISOString()
