import { hashOf } from '../store/key-text.ts'

/**
 * Returns the hash of the key in an Authorization header. Keys are random, so a plain hash is enough. The
 * time of a lookup by hash reveals nothing about a key.
 */
export function hashShown(authorization: string | undefined): string | undefined {
  const [, key] = /^Bearer +(\S+) *$/i.exec(authorization ?? '') ?? []
  return key === undefined ? undefined : hashOf(key)
}
