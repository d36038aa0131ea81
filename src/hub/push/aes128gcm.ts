import { createCipheriv, createECDH, type ECDH, hkdfSync, randomBytes } from 'node:crypto'

/** Length of the salt, and of the authentication secret, in bytes. */
const SALT_BYTES = 16
/** Size of a record, in bytes. The whole message is one record. */
const RECORD_BYTES = 4096
/** Marks the end of the text in the last record. Zeros follow. */
const LAST = Buffer.from([2])
/** Number of bytes by which an encrypted message is longer than its padded text: header, end mark, and tag. */
const OVERHEAD_BYTES = SALT_BYTES + 4 + 1 + 65 + LAST.length + 16

/** Length of each encrypted message, in bytes: a push service learns nothing from the length. */
export const MESSAGE_BYTES = 2944
/** Maximum length of a text to encrypt, in bytes. */
export const TEXT_BYTES = MESSAGE_BYTES - OVERHEAD_BYTES

/** Keys of a browser, in base64url. */
export interface BrowserKeys {
  p256dh: string
  auth: string
}

/** Values that must be different for each message. */
interface Fresh {
  keys: ECDH
  salt: Buffer
}

function fresh(): Fresh {
  const keys = createECDH('prime256v1')
  keys.generateKeys()
  return { keys, salt: randomBytes(SALT_BYTES) }
}

/**
 * Encrypts a text for a browser, with the content encoding `aes128gcm`.
 * @param length length of the padded text
 * @see RFC 8188, RFC 8291
 */
export function encrypt(text: Uint8Array, to: BrowserKeys, length = TEXT_BYTES, by = fresh()): Buffer {
  if (text.length > length) throw new Error(`the text is longer than ${length} bytes`)
  const { keys, salt } = by
  const theirs = Buffer.from(to.p256dh, 'base64url')
  const ours = keys.getPublicKey()
  const auth = Buffer.from(to.auth, 'base64url')
  const info = Buffer.concat([Buffer.from('WebPush: info\0'), theirs, ours])
  const secret = derive(keys.computeSecret(theirs), auth, info, 32)
  const key = derive(secret, salt, 'Content-Encoding: aes128gcm\0', 16)
  const nonce = derive(secret, salt, 'Content-Encoding: nonce\0', 12)
  const cipher = createCipheriv('aes-128-gcm', key, nonce)
  const padding = Buffer.alloc(length - text.length)
  const sizes = Buffer.alloc(5)
  sizes.writeUInt32BE(RECORD_BYTES)
  sizes.writeUInt8(ours.length, 4)
  const record = [cipher.update(Buffer.concat([text, LAST, padding])), cipher.final(), cipher.getAuthTag()]
  return Buffer.concat([salt, sizes, ours, ...record])
}

const derive = (from: Buffer, salt: Buffer, info: string | Buffer, length: number) =>
  Buffer.from(hkdfSync('sha256', from, salt, info, length))
