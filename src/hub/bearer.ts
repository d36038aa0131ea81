import { hashOf } from './key-store.ts'

/**
 * The hash of the key that a request shows. Keys are random, so that a plain hash keeps them, and may be looked up: how
 * long that takes says nothing of a key.
 */
export function hashShown(authorization: string | undefined): string | undefined {
  const [, key] = /^Bearer +(\S+) *$/i.exec(authorization ?? '') ?? []
  return key === undefined ? undefined : hashOf(key)
}
