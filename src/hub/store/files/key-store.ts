import { createHash, randomBytes } from 'node:crypto'
import { chmodSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { hubFiles } from '../../../config/hub.ts'
import { systemCode } from '../../../platform/errors.ts'
import { type Staged, stage } from '../../../platform/files.ts'
import type { Logger } from '../../../platform/log.ts'
import { type Entry, isLocal, KeysFile, LOCAL, type Role } from '../../registry/key-entry.ts'
import { KeyFile } from './key-file.ts'

/** Prefixes that identify the kind of a key, such as one found in a file. */
const PREFIX = { machine: 'fmk_', user: 'fuk_' } as const
const KEY_BYTES = 32

/** Returns a new key, which is secret. */
export const makeKey = (role: Role) => PREFIX[role] + randomBytes(KEY_BYTES).toString('base64url')

/**
 * `keys.json` and the files with the hub's own keys. If such a file is deleted, the next start creates it
 * with a new key and no longer accepts the old one.
 */
export class KeyStore {
  readonly #file: KeyFile<Entry>
  readonly #local: Record<Role, string>
  readonly #logger: Logger
  readonly #now: () => string
  /** New key files, staged until the new list is on the disk. */
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

  /** Returns the keys now in the file. */
  all(): readonly Entry[] {
    return this.#file.all()
  }

  /** Returns the key with this role and hash. */
  find(role: Role, hash: string): Entry | undefined {
    return this.#file.withHash(hash).find((entry) => entry.role === role)
  }

  /**
   * Changes keys and the files with the hub's own keys; all are on the disk on return. If that fails, nothing
   * changes.
   * @throws the system error
   */
  change<T>(run: () => T): T {
    try {
      return this.#file.change(run, () => {
        // Before the list: if the hub is killed here, its next start accepts the keys in these files.
        for (const staged of this.#staged.values()) staged.commit()
      })
    } finally {
      for (const staged of this.#staged.values()) staged.discard()
      this.#staged.clear()
    }
  }

  /** Only inside `change`. */
  add(entry: Entry): Entry {
    this.#file.add(entry)
    return entry
  }

  /** Only inside `change`. Replaces the hub's own key: each start accepts the key in its file. */
  drop(entry: Entry) {
    this.#file.drop((each) => each === entry)
    const file = this.#local[entry.role]
    if (!isLocal(entry) || this.#staged.has(entry.role) || hashOf(readKey(file) ?? '') !== entry.sha256)
      return
    this.#file.add(this.#renewed(entry.role))
    this.#logger.warn({ file }, `the hub has a new ${entry.role} key: the previous one was revoked`)
  }

  /**
   * Only inside `change`. Writes a new key to one of the hub's own key files. Both keys are accepted.
   * @returns the new one
   */
  renew(role: Role): Entry {
    return this.add(this.#renewed(role))
  }

  /** Accepts the key in the file, creating the file if it is missing. @throws the system error */
  #ensure(role: Role) {
    const file = this.#local[role]
    const known = readKey(file)
    if (known !== undefined && (statSync(file).mode & 0o077) !== 0) {
      chmodSync(file, 0o600)
      this.#logger.warn(
        { file },
        'other users could read a key file; that is fixed, but the key may have leaked',
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

/** Returns the hash by which the hub knows a key. */
export const hashOf = (key: string) => createHash('sha256').update(key).digest('hex')

function readKey(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8').trim() || undefined
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return undefined
    throw error
  }
}
