import { createHash, randomBytes } from 'node:crypto'
import { chmodSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { hubFiles } from '../config/hub.ts'
import { systemCode } from '../platform/errors.ts'
import { writeAtomic } from '../platform/files.ts'
import type { Logger } from '../platform/log.ts'
import { type Entry, isLocal, KeysFile, LOCAL, type Role } from './key-entry.ts'
import { KeyFile } from './key-file.ts'

/** Tells what a key is for when somebody finds one. */
const PREFIX = { machine: 'fmk_', user: 'fuk_' } as const
const KEY_BYTES = 32

/** A new key. Secret. */
export const makeKey = (role: Role) => PREFIX[role] + randomBytes(KEY_BYTES).toString('base64url')

/**
 * `keys.json`, and the files with the hub's own keys. One of these that is deleted is made anew at the next start, and its
 * old key is no longer accepted.
 */
export class KeyStore {
  readonly #file: KeyFile<Entry>
  readonly #local: Record<Role, string>
  readonly #logger: Logger
  readonly #now: () => string

  constructor(dir: string, now: () => string, logger: Logger) {
    this.#file = new KeyFile(join(dir, 'keys.json'), KeysFile, logger)
    this.#logger = logger
    this.#now = now
    const { machineKey, userKey } = hubFiles(dir)
    this.#local = { machine: machineKey, user: userKey }
    const made = [this.#ensure('machine'), this.#ensure('user')]
    if (made.includes(true)) this.save()
  }

  /** As the file has them now. */
  all(): readonly Entry[] {
    return this.#file.all()
  }

  /** Is on the disk once it is saved. */
  add(entry: Entry) {
    this.#file.add(entry)
  }

  /** Is on the disk once it is saved. A key that has its own file is made anew: what the file says is accepted at a start. */
  drop(entry: Entry) {
    this.#file.drop((each) => each === entry)
    const file = this.#local[entry.role]
    if (!isLocal(entry) || hashOf(readKey(file) ?? '') !== entry.sha256) return
    this.#file.add(this.#renewed(entry.role))
    this.#logger.warn({ file }, `the hub has a new ${entry.role} key: the one before was taken back`)
  }

  /** Puts another key into the file of one of the hub's own. Both are accepted. @returns the new one */
  renew(role: Role): Entry {
    const entry = this.#renewed(role)
    this.#file.add(entry)
    return entry
  }

  /** @throws the system's error */
  save() {
    this.#file.save()
  }

  /** @returns whether the list of keys has changed */
  #ensure(role: Role): boolean {
    const file = this.#local[role]
    const known = readKey(file)
    if (known !== undefined && (statSync(file).mode & 0o077) !== 0) {
      chmodSync(file, 0o600)
      this.#logger.warn(
        { file },
        'a key file could be read by others; it no longer can, but the key may be known',
      )
    }
    const hash = known === undefined ? undefined : hashOf(known)
    if (this.all().some((entry) => entry.role === role && entry.sha256 === hash)) return false
    this.#file.drop((entry) => entry.role === role && isLocal(entry))
    this.#file.add(hash === undefined ? this.#renewed(role) : this.#entry(role, hash))
    return true
  }

  #renewed(role: Role): Entry {
    const key = makeKey(role)
    writeAtomic(this.#local[role], `${key}\n`, { durable: true })
    return this.#entry(role, hashOf(key))
  }

  #entry(role: Role, sha256: string): Entry {
    return { role, name: LOCAL, created_at: this.#now(), sha256, ...(role === 'machine' && { bound: true }) }
  }
}

/** By which a key is known here. */
export const hashOf = (key: string) => createHash('sha256').update(key).digest('hex')

function readKey(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8').trim() || undefined
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return undefined
    throw error
  }
}
