import { createHash, randomBytes, timingSafeEqual } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { hubFiles } from '../config/hub.ts'
import { systemCode } from '../platform/errors.ts'
import { writeAtomic } from '../platform/files.ts'

export type Role = 'machine' | 'user'

/** Secrets of 256 bits; the prefix tells people what one is for. */
const PREFIX = { machine: 'fmk_', user: 'fuk_' }

const digest = (key: string) => createHash('sha256').update(key).digest()

/** The hub's two keys: what machines connect with, and what people and programs use its API with. */
export class Keys {
  readonly #digests: Record<Role, Buffer>

  /** Reads them from the hub's folder, and makes them on the first start. */
  constructor(dir: string) {
    const files = hubFiles(dir)
    this.#digests = {
      machine: digest(readOrMake(files.machineKey, PREFIX.machine)),
      user: digest(readOrMake(files.userKey, PREFIX.user)),
    }
  }

  /** Whether an `Authorization` header carries the key for `role`. Takes the same time for any wrong one. */
  accepts(authorization: string | undefined, role: Role): boolean {
    const [, key = ''] = /^Bearer +(\S+) *$/i.exec(authorization ?? '') ?? []
    return timingSafeEqual(digest(key), this.#digests[role])
  }
}

function readOrMake(path: string, prefix: string): string {
  try {
    const key = readFileSync(path, 'utf8').trim()
    if (key !== '') return key
  } catch (error) {
    if (systemCode(error) !== 'ENOENT') throw error
  }
  const key = prefix + randomBytes(32).toString('base64url')
  writeAtomic(path, `${key}\n`, { durable: true })
  return key
}
