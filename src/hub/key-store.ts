import { createHash, randomBytes } from 'node:crypto'
import { chmodSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { hubFiles } from '../config/hub.ts'
import { systemCode } from '../platform/errors.ts'
import { type Staged, stage } from '../platform/files.ts'
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
  /** New content of the files with the hub's own keys, until the list has these. */
  readonly #staged = new Map<Role, Staged>()

  constructor(dir: string, now: () => string, logger: Logger) {
    this.#file = new KeyFile(join(dir, 'keys.json'), KeysFile, logger)
    this.#logger = logger
    this.#now = now
    const { machineKey, userKey } = hubFiles(dir)
    this.#local = { machine: machineKey, user: userKey }
    this.#ensure('machine')
    this.#ensure('user')
  }

  /** As the file has them now. */
  all(): readonly Entry[] {
    return this.#file.all()
  }

  /** The key of this role with this hash. */
  find(role: Role, hash: string): Entry | undefined {
    return this.#file.withHash(hash).find((entry) => entry.role === role)
  }

  /**
   * Changes keys, and the files with the hub's own, which are on the disk when it returns. Where the disk does not take
   * them, nothing has changed.
   * @throws the system's error
   */
  change<T>(run: () => T): T {
    try {
      return this.#file.change(run, () => {
        // Before the list: a hub that is killed in between accepts only what these files say when it starts again.
        for (const staged of this.#staged.values()) staged.commit()
      })
    } finally {
      for (const staged of this.#staged.values()) staged.discard()
      this.#staged.clear()
    }
  }

  /** For `change`. */
  add(entry: Entry): Entry {
    this.#file.add(entry)
    return entry
  }

  /** For `change`. A key that has its own file is made anew: what the file says is accepted at a start. */
  drop(entry: Entry) {
    this.#file.drop((each) => each === entry)
    const file = this.#local[entry.role]
    if (!isLocal(entry) || this.#staged.has(entry.role) || hashOf(readKey(file) ?? '') !== entry.sha256)
      return
    this.#file.add(this.#renewed(entry.role))
    this.#logger.warn({ file }, `the hub has a new ${entry.role} key: the one before was taken back`)
  }

  /** For `change`: puts another key into the file of one of the hub's own. Both are accepted. @returns the new one */
  renew(role: Role): Entry {
    return this.add(this.#renewed(role))
  }

  /** Accepts what the file says, and makes it where it is missing. @throws the system's error */
  #ensure(role: Role) {
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
    if (hash !== undefined && this.find(role, hash)) return
    this.change(() => {
      this.#file.drop((entry) => entry.role === role && isLocal(entry))
      this.#file.add(hash === undefined ? this.#renewed(role) : this.#entry(role, hash))
    })
  }

  #renewed(role: Role): Entry {
    const key = makeKey(role)
    this.#staged.set(role, stage(this.#local[role], `${key}\n`, { durable: true }))
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
