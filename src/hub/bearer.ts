import { timingSafeEqual } from 'node:crypto'
import { hashOf } from './key-store.ts'

/** The entry of the key that a request shows. Keys are random, so that a plain hash keeps them. */
export function shown<E extends { sha256: string }>(
  authorization: string | undefined,
  entries: readonly E[],
): E | undefined {
  const [, key] = /^Bearer +(\S+) *$/i.exec(authorization ?? '') ?? []
  if (key === undefined) return undefined
  const hash = Buffer.from(hashOf(key))
  let found: E | undefined
  for (const entry of entries) {
    const known = Buffer.from(entry.sha256)
    if (known.length === hash.length && timingSafeEqual(known, hash)) found = entry
  }
  return found
}
