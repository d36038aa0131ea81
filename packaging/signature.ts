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
  const raw = rawPublicKey(key)
  const id = createHash('sha256').update(raw).digest().subarray(0, 8)
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

const rawPublicKey = (key: KeyObject) =>
  Buffer.from(createPublicKey(key).export({ format: 'jwk' }).x!, 'base64url')
