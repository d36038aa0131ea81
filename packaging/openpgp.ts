import { createPrivateKey } from 'node:crypto'
import * as openpgp from 'openpgp'

const USER = { name: 'fomular-daemon releases' }
/** Creation time of the key. The fingerprint depends on it, so it must never change. */
const CREATED = new Date('2026-01-01T00:00:00Z')
/** OpenPGP's object identifier of the curve Ed25519: 1.3.6.1.4.1.11591.15.1. */
const OID = Buffer.from('2b06010401da470f01', 'hex')
const EDDSA_LEGACY = 22

/** Signs the index of an apt repository. */
export interface AptSigner {
  /** The armored key, for `signed-by`. */
  publicKey: string
  fingerprint: string
  /**
   * Returns the text as a signed message.
   * @param date of the signature; the same date gives the same bytes
   */
  sign(text: string, date: Date): Promise<string>
}

/**
 * Returns the release key as an OpenPGP key. The same Ed25519 key always gives the same OpenPGP key. Its
 * format is version 4 with EdDSA. Debian's OpenPGP programs support this format: GnuPG (since 2.1) and
 * Sequoia.
 * @param pem an Ed25519 private key
 */
export async function aptSigner(pem: string): Promise<AptSigner> {
  const { privateKey, publicKey } = await openpgp.reformatKey({
    privateKey: await bareKey(pem),
    userIDs: USER,
    date: CREATED,
    format: 'object',
    config,
  })
  return {
    publicKey: publicKey.armor({ ...openpgp.config, ...config }),
    fingerprint: publicKey.getFingerprint().toUpperCase(),
    sign: async (text, date) => {
      const message = await openpgp.createCleartextMessage({ text })
      return openpgp.sign({ message, signingKeys: privateKey, date, config })
    },
  }
}

const config: openpgp.PartialConfig = {
  nonDeterministicSignaturesViaNotation: false,
  preferredHashAlgorithm: openpgp.enums.hash.sha512,
  showVersion: false,
  showComment: false,
}

/** Returns a key that consists only of a secret-key packet. */
function bareKey(pem: string): Promise<openpgp.PrivateKey> {
  const { x, d } = createPrivateKey(pem).export({ format: 'jwk' })
  const point = Buffer.concat([Buffer.from([0x40]), Buffer.from(x!, 'base64url')])
  const created = Buffer.alloc(4)
  created.writeUInt32BE(CREATED.getTime() / 1000)
  const secret = integer(Buffer.from(d!, 'base64url'))
  const checksum = Buffer.alloc(2)
  checksum.writeUInt16BE(secret.reduce((sum, byte) => (sum + byte) & 0xffff, 0))
  const body = Buffer.concat([
    Buffer.from([4]),
    created,
    Buffer.from([EDDSA_LEGACY, OID.length]),
    OID,
    integer(point),
    // No encryption.
    Buffer.from([0]),
    secret,
    checksum,
  ])
  return openpgp.readPrivateKey({ binaryKey: Buffer.concat([Buffer.from([0xc5, body.length]), body]) })
}

/** Encodes an integer for OpenPGP: the number of bits, then the bytes without leading zeros. */
function integer(bytes: Buffer): Buffer {
  const first = bytes.findIndex((byte) => byte !== 0)
  const rest = bytes.subarray(first === -1 ? bytes.length : first)
  const bits = Buffer.alloc(2)
  bits.writeUInt16BE(rest.length === 0 ? 0 : rest.length * 8 - Math.clz32(rest[0]!) + 24)
  return Buffer.concat([bits, rest])
}
