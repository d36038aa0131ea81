import { createPrivateKey } from 'node:crypto'
import * as openpgp from 'openpgp'

const USER = { name: 'fomular-daemon releases' }
/** Part of what the key's fingerprint is made of: never another one. */
const CREATED = new Date('2026-01-01T00:00:00Z')
/** Curve Ed25519 as OpenPGP names it: 1.3.6.1.4.1.11591.15.1. */
const OID = Buffer.from('2b06010401da470f01', 'hex')
const EDDSA_LEGACY = 22

/** Signs what apt reads. */
export interface AptSigner {
  /** Armored, as `signed-by` takes it. */
  publicKey: string
  fingerprint: string
  /** The text with its signature around it. @param date when it was signed: of the same, the same bytes come */
  sign(text: string, date: Date): Promise<string>
}

/**
 * The key that signs releases, as an OpenPGP key: of the same Ed25519 key comes the same OpenPGP key. It is one of
 * version 4 for EdDSA as GnuPG 2.1 and newer, and Sequoia, know it: Debian has these.
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

/** A secret key packet and nothing else. */
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
    // Not encrypted.
    Buffer.from([0]),
    secret,
    checksum,
  ])
  return openpgp.readPrivateKey({ binaryKey: Buffer.concat([Buffer.from([0xc5, body.length]), body]) })
}

/** As OpenPGP writes integers: the number of bits, then the bytes without zeros before them. */
function integer(bytes: Buffer): Buffer {
  const first = bytes.findIndex((byte) => byte !== 0)
  const rest = bytes.subarray(first === -1 ? bytes.length : first)
  const bits = Buffer.alloc(2)
  bits.writeUInt16BE(rest.length === 0 ? 0 : rest.length * 8 - Math.clz32(rest[0]!) + 24)
  return Buffer.concat([bits, rest])
}
