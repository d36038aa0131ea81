import { createPublicKey, type KeyObject } from 'node:crypto'

/** Pattern of a person's public key: `ed25519:`, and the 32 bytes of the key in base64. */
export const PUBLIC_KEY = /^ed25519:[A-Za-z0-9+/]{43}=$/

const PREFIX = 'ed25519:'

/** Returns the text of a public key for `signed_by`. @param key an Ed25519 key, public or private */
export function publicKeyText(key: KeyObject): string {
  const { x = '' } = (key.type === 'private' ? createPublicKey(key) : key).export({ format: 'jwk' })
  return PREFIX + Buffer.from(x, 'base64url').toString('base64')
}

/** Returns the key object for a text that matches `PUBLIC_KEY`. */
export const publicKeyOf = (text: string): KeyObject =>
  createPublicKey({
    key: {
      kty: 'OKP',
      crv: 'Ed25519',
      x: Buffer.from(text.slice(PREFIX.length), 'base64').toString('base64url'),
    },
    format: 'jwk',
  })
