import { createHash, randomBytes } from 'node:crypto'
import type { Role } from './key-entry.ts'

/** Prefixes that identify the kind of a key, for example of a key that was found in a file. */
const PREFIX = { machine: 'fmk_', user: 'fuk_' } as const
const KEY_BYTES = 32

/** Returns the text of a new key, which is secret. */
export const makeKey = (role: Role) => PREFIX[role] + randomBytes(KEY_BYTES).toString('base64url')

/** Returns the hash by which the hub knows a key or token. */
export const hashOf = (key: string) => createHash('sha256').update(key).digest('hex')
