import { createHash, randomBytes, timingSafeEqual } from 'node:crypto'
import { chmodSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import * as z from 'zod/mini'
import { hubFiles } from '../config/hub.ts'
import { systemCode } from '../platform/errors.ts'
import { readJson, setAside, writeAtomic } from '../platform/files.ts'
import type { Logger } from '../platform/log.ts'

/** `machine`: connects a machine. `user`: uses the HTTP API. */
export type Role = 'machine' | 'user'

/** Tells what a key is for when somebody finds one. */
const PREFIX = { machine: 'fmk_', user: 'fuk_' } as const
const KEY_BYTES = 32
/** The key whose text is in the hub's folder, for daemons and people on this machine. */
const LOCAL = 'local'

/** `keys.json`: the hub knows keys by their hashes only. */
const KeysFile = z.object({
  version: z.literal(1),
  keys: z.array(
    z.object({
      role: z.enum(['machine', 'user']),
      name: z.string(),
      created_at: z.string(),
      sha256: z.string(),
      /** Of a machine that has a key of its own: which one has used it last. */
      machine_id: z.optional(z.string()),
      /** Of a machine's own key: whether `name` was chosen, or is the host name at that time. */
      named: z.optional(z.boolean()),
    }),
  ),
})
type Entry = z.infer<typeof KeysFile>['keys'][number]

/**
 * Who may connect and who may ask. Keys are random, so that a plain hash keeps them; `keys.json` is read again when it
 * has changed. A key file that is deleted is made anew at the next start, and its old key is no longer accepted.
 */
export class Keys {
  readonly #path: string
  readonly #logger: Logger
  #keys: Entry[] = []
  #stamp = ''

  constructor(dir: string, now: string, logger: Logger) {
    this.#path = join(dir, 'keys.json')
    this.#logger = logger
    const read = readJson(this.#path, KeysFile)
    if (read.ok) this.#keys = read.value.keys
    else if (read.reason === 'damaged')
      logger.error({ aside: setAside(this.#path), problem: read.problem }, 'damaged list of keys set aside')
    this.#stamp = stamp(this.#path)
    const { machineKey, userKey } = hubFiles(dir)
    const made = [this.#ensure('machine', machineKey, now), this.#ensure('user', userKey, now)]
    if (made.includes(true)) this.#save()
  }

  /** @returns the hash by which the key is known, or undefined when it is not accepted */
  accepts(role: Role, authorization: string | undefined): string | undefined {
    const [, key] = /^Bearer +(\S+) *$/i.exec(authorization ?? '') ?? []
    if (key === undefined) return undefined
    this.#refresh()
    const hash = sha256(key)
    let accepted: string | undefined
    for (const entry of this.#keys) {
      const known = Buffer.from(entry.sha256, 'hex')
      if (entry.role === role && known.length === hash.length && timingSafeEqual(known, hash))
        accepted = entry.sha256
    }
    return accepted
  }

  has(hash: string): boolean {
    this.#refresh()
    return this.#keys.some((entry) => entry.sha256 === hash)
  }

  /** @returns the name of a machine's own key, or undefined when it is not accepted */
  machineKeyName(hash: string): string | undefined {
    this.#refresh()
    const entry = this.#keys.find(({ role, sha256 }) => role === 'machine' && sha256 === hash)
    return entry?.name
  }

  /** A key of its own for a machine. */
  add(key: Pick<Entry, 'name' | 'sha256' | 'created_at' | 'named'>) {
    if (this.has(key.sha256)) return
    this.#keys.push({ role: 'machine', ...key })
    this.#save()
  }

  /** Notes which machine a key belongs to. The local key is for whoever can read its file. */
  usedBy(hash: string, machineId: string) {
    this.#refresh()
    const entry = this.#keys.find((each) => each.sha256 === hash && !isLocal(each))
    if (!entry || entry.machine_id === machineId) return
    if (entry.machine_id !== undefined)
      this.#logger.warn(
        { key: entry.name, before: entry.machine_id, now: machineId },
        'the key of one machine is used by another',
      )
    entry.machine_id = machineId
    this.#save()
  }

  /** The name that was chosen for a machine with a key of its own; by its newest key. */
  nameOf(machineId: string, hostname: string): string | undefined {
    const entry = this.#keys.findLast(
      (each) =>
        each.machine_id === machineId &&
        // Keys from before names were marked.
        (each.named ?? each.name !== hostname),
    )
    return entry?.name
  }

  /** @returns whether the machine has a key of its own, which keeps the name */
  rename(machineId: string, name: string): boolean {
    this.#refresh()
    const own = this.#keys.filter((entry) => entry.machine_id === machineId)
    for (const entry of own) Object.assign(entry, { name, named: true })
    if (own.length > 0) this.#save()
    return own.length > 0
  }

  /** Accepts the keys of a machine no longer. @returns how many there were */
  revoke(machineId: string): number {
    this.#refresh()
    const left = this.#keys.filter((entry) => entry.machine_id !== machineId)
    const revoked = this.#keys.length - left.length
    if (revoked === 0) return 0
    this.#keys = left
    this.#save()
    return revoked
  }

  #refresh() {
    if (stamp(this.#path) !== this.#stamp) this.#reload()
  }

  /** @returns whether the list of keys has changed */
  #ensure(role: Role, file: string, now: string): boolean {
    const known = readKey(file)
    const key = known ?? PREFIX[role] + randomBytes(KEY_BYTES).toString('base64url')
    const hash = sha256(key).toString('hex')
    if (known === undefined) writeAtomic(file, `${key}\n`, { durable: true })
    else if ((statSync(file).mode & 0o077) !== 0) {
      chmodSync(file, 0o600)
      this.#logger.warn(
        { file },
        'a key file could be read by others; it no longer can, but the key may be known',
      )
    }
    if (this.#keys.some((entry) => entry.role === role && entry.sha256 === hash)) return false
    this.#keys = this.#keys.filter((entry) => entry.role !== role || !isLocal(entry))
    this.#keys.push({ role, name: LOCAL, created_at: now, sha256: hash })
    return true
  }

  /** Somebody is editing the list: what cannot be read is left to them, and the keys stay as they were. */
  #reload() {
    this.#stamp = stamp(this.#path)
    try {
      const read = readJson(this.#path, KeysFile)
      if (read.ok) this.#keys = read.value.keys
      else if (read.reason === 'damaged')
        this.#logger.error({ problem: read.problem }, `${this.#path} is not understood: no key has changed`)
    } catch (error) {
      this.#logger.error({ err: error }, `${this.#path} cannot be read: no key has changed`)
    }
  }

  #save() {
    writeAtomic(this.#path, JSON.stringify({ version: 1, keys: this.#keys }, null, 2), { durable: true })
    this.#stamp = stamp(this.#path)
  }
}

/** A machine may be called the same. */
const isLocal = ({ name, named }: Entry) => name === LOCAL && named === undefined

const sha256 = (text: string) => createHash('sha256').update(text).digest()

function readKey(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8').trim() || undefined
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return undefined
    throw error
  }
}

function stamp(path: string): string {
  try {
    const { ino, mtimeMs, size } = statSync(path)
    return `${ino} ${mtimeMs} ${size}`
  } catch {
    return ''
  }
}
