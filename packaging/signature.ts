import { createHash, createPrivateKey, createPublicKey, type KeyObject, sign } from 'node:crypto'

/** minisign's name for Ed25519 over the file as it is, which OpenSSL can check as well. */
const ALGORITHM = Buffer.from('Ed')

export interface Signer {
  /** As `minisign -P` takes it. */
  publicKey: string
  /** What stands in a `.minisig` file. @param comment one line, signed too */
  signature(data: Uint8Array, comment: string): string
}

/**
 * Signs as minisign does.
 * @param pem an Ed25519 private key, as `openssl genpkey -algorithm ed25519` makes it
 * @throws when it is none
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

/** Returns a key as `minisign -P` takes it. @param pem a private or public Ed25519 key @throws when it is none */
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
