import { createHash, createPublicKey, type KeyObject, verify } from 'node:crypto'

/** Before every key, and before a signature of a file as it is. */
const PLAIN = 'Ed'
/** Before a signature of the file's BLAKE2b hash, as minisign itself makes it. */
const HASHED = 'ED'
const TAG_BYTES = 2
const ID_BYTES = 8
const KEY_BYTES = 32
const SIGNATURE_BYTES = 64

interface PublicKey {
  id: Buffer
  key: KeyObject
}

/** Reads a key as `minisign -P` takes it; undefined for anything else. */
function publicKey(text: string): PublicKey | undefined {
  const bytes = Buffer.from(text, 'base64')
  const head = TAG_BYTES + ID_BYTES
  if (bytes.length !== head + KEY_BYTES || bytes.toString('latin1', 0, TAG_BYTES) !== PLAIN) return undefined
  const jwk = { kty: 'OKP', crv: 'Ed25519', x: bytes.subarray(head).toString('base64url') }
  return { id: bytes.subarray(TAG_BYTES, head), key: createPublicKey({ key: jwk, format: 'jwk' }) }
}

/**
 * Whether one of the keys has signed this.
 * @param signature what stands in a `.minisig` file; its trusted comment counts as signed, too
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
