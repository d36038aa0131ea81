import { createPrivateKey, createPublicKey, type KeyObject, sign } from 'node:crypto'

/** Time for which a token is valid, in seconds. Push services accept at most a day. */
const VALID_S = 12 * 60 * 60

/**
 * The key with which the hub identifies itself to push services. Browsers accept only notifications of the key
 * with which they have subscribed.
 * @see RFC 8292
 */
export class Vapid {
  readonly #key: KeyObject
  /** The public key: an uncompressed point, in base64url. */
  readonly publicKey: string

  /** @param pem the private key */
  constructor(pem: string) {
    this.#key = createPrivateKey(pem)
    const { x = '', y = '' } = createPublicKey(this.#key).export({ format: 'jwk' })
    const point = [Buffer.from([4]), Buffer.from(x, 'base64url'), Buffer.from(y, 'base64url')]
    this.publicKey = Buffer.concat(point).toString('base64url')
  }

  /**
   * Returns the `Authorization` header of a request to a push service.
   * @param contact address at which the operator of the push service finds the operator of the hub
   */
  authorization(endpoint: URL, contact: string, now: number): string {
    const claims = { aud: endpoint.origin, exp: Math.floor(now / 1000) + VALID_S, sub: contact }
    const signed = [{ typ: 'JWT', alg: 'ES256' }, claims].map(encoded).join('.')
    const signature = sign('sha256', Buffer.from(signed), { key: this.#key, dsaEncoding: 'ieee-p1363' })
    return `vapid t=${signed}.${signature.toString('base64url')}, k=${this.publicKey}`
  }
}

const encoded = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')
