import { createHash, randomBytes } from 'node:crypto'
import { chmodSync, readFileSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { hubFiles } from '../config/hub.ts'
import { systemCode } from '../platform/errors.ts'
import { readJson, setAside, writeAtomic } from '../platform/files.ts'
import type { Logger } from '../platform/log.ts'
import { type Entry, isLocal, KeysFile, LOCAL, type Role } from './key-entry.ts'

/** Tells what a key is for when somebody finds one. */
const PREFIX = { machine: 'fmk_', user: 'fuk_' } as const
const KEY_BYTES = 32

/**
 * `keys.json`, read again when it has changed, and the files with the hub's own keys. One of these that is deleted is made
 * anew at the next start, and its old key is no longer accepted.
 */
export class KeyStore {
  readonly #path: string
  readonly #machineKey: string
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
    this.#machineKey = machineKey
    const made = [this.#ensure('machine', machineKey, now), this.#ensure('user', userKey, now)]
    if (made.includes(true)) this.save()
  }

  /** As the file has them now. */
  all(): readonly Entry[] {
    if (stamp(this.#path) !== this.#stamp) this.#reload()
    return this.#keys
  }

  /** Is on the disk once it is saved. */
  add(entry: Entry) {
    this.#keys.push(entry)
  }

  /** Is on the disk once it is saved. The hub's own machine key is made anew: what its file says is accepted at a start. */
  drop(entry: Entry, now: string) {
    this.#keys = this.#keys.filter((each) => each !== entry)
    if (!isLocal(entry)) return
    rmSync(this.#machineKey, { force: true })
    this.#ensure('machine', this.#machineKey, now)
    this.#logger.warn(
      { file: this.#machineKey },
      'the hub has a new machine key: the one before was taken back',
    )
  }

  save() {
    writeAtomic(this.#path, JSON.stringify({ version: 1, keys: this.#keys }, null, 2), { durable: true })
    this.#stamp = stamp(this.#path)
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
    this.#keys.push({
      role,
      name: LOCAL,
      created_at: now,
      sha256: hash,
      ...(role === 'machine' && { bound: true }),
    })
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
}

export const sha256 = (text: string) => createHash('sha256').update(text).digest()

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
