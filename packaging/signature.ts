import { createHash, createPrivateKey, createPublicKey, type KeyObject, sign } from 'node:crypto'

/**
 * minisign's tag for an Ed25519 signature of the file itself, not of its hash. OpenSSL can also verify such a
 * signature.
 */
const ALGORITHM = Buffer.from('Ed')

export interface Signer {
  /** The public key in the form for `minisign -P`. */
  publicKey: string
  /** Returns the text of a `.minisig` file. @param comment text of one line, which is also signed */
  signature(data: Uint8Array, comment: string): string
}

/**
 * Returns a signer in minisign's format.
 * @param pem Ed25519 private key, as written by `openssl genpkey -algorithm ed25519`
 * @throws for any other key
 */
export function signer(pem: string): Signer {
  const key = createPrivateKey(pem)
  if (key.asymmetricKeyType !== 'ed25519') throw new Error('the release key must be an Ed25519 private key')
  const { raw, id } = publicPart(key)
  const tagged = (data: Uint8Array) => Buffer.concat([ALGORITHM, id, data]).toString('base64')
  return {
    publicKey: tagged(raw),
    signature(data, comment) {
      const own = sign(null, data, key)
      const all = sign(null, Buffer.concat([own, Buffer.from(comment)]), key)
      return [
        'untrusted comment: signature of a fomular-daemon release',
        tagged(own),
        `trusted comment: ${comment}`,
        `${all.toString('base64')}\n`,
      ].join('\n')
    },
  }
}

/**
 * Returns a key in the form for `minisign -P`.
 * @param pem private or public Ed25519 key
 * @throws for any other key
 */
export function publicKeyOf(pem: string): string {
  const key = createPublicKey(pem)
  if (key.asymmetricKeyType !== 'ed25519') throw new Error('a release key must be an Ed25519 key')
  const { raw, id } = publicPart(key)
  return Buffer.concat([ALGORITHM, id, raw]).toString('base64')
}

function publicPart(key: KeyObject) {
  const raw = Buffer.from(key.export({ format: 'jwk' }).x!, 'base64url')
  return { raw, id: createHash('sha256').update(raw).digest().subarray(0, 8) }
}
