import { createHash, createPublicKey, type KeyObject, verify } from 'node:crypto'

/** Tag of every key, and of a signature of the file itself. */
const PLAIN = 'Ed'
/** Tag of a signature of the file's BLAKE2b hash. minisign makes signatures of this kind. */
const HASHED = 'ED'
const TAG_BYTES = 2
const ID_BYTES = 8
const KEY_BYTES = 32
const SIGNATURE_BYTES = 64

interface PublicKey {
  id: Buffer
  key: KeyObject
}

/** Reads a key in the form that `minisign -P` takes; returns undefined for anything else. */
function publicKey(text: string): PublicKey | undefined {
  const bytes = Buffer.from(text, 'base64')
  const head = TAG_BYTES + ID_BYTES
  if (bytes.length !== head + KEY_BYTES || bytes.toString('latin1', 0, TAG_BYTES) !== PLAIN) return undefined
  const jwk = { kty: 'OKP', crv: 'Ed25519', x: bytes.subarray(head).toString('base64url') }
  return { id: bytes.subarray(TAG_BYTES, head), key: createPublicKey({ key: jwk, format: 'jwk' }) }
}

/**
 * Reports whether one of the keys has signed the data.
 * @param signature content of a `.minisig` file. Its trusted comment must also be signed
 * @param keys in the form that `minisign -P` takes
 */
export function isSigned(data: Uint8Array, signature: string, keys: readonly string[]): boolean {
  const [, own = '', comment = '', all = ''] = signature.split('\n').map((line) => line.replace(/\r$/, ''))
  const bytes = Buffer.from(own, 'base64')
  const global = Buffer.from(all, 'base64')
  const [, said] = /^trusted comment: (.*)$/.exec(comment) ?? []
  const head = TAG_BYTES + ID_BYTES
  if (bytes.length !== head + SIGNATURE_BYTES || global.length !== SIGNATURE_BYTES || said === undefined)
    return false
  const tag = bytes.toString('latin1', 0, TAG_BYTES)
  if (tag !== PLAIN && tag !== HASHED) return false
  const message = tag === HASHED ? createHash('blake2b512').update(data).digest() : data
  const id = bytes.subarray(TAG_BYTES, head)
  const sig = bytes.subarray(head)
  const signed = Buffer.concat([sig, Buffer.from(said)])
  return keys
    .flatMap((text) => publicKey(text) ?? [])
    .some(
      (known) =>
        known.id.equals(id) &&
        verify(null, message, known.key, sig) &&
        verify(null, signed, known.key, global),
    )
}
