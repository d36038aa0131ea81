import assert from 'node:assert/strict'
import { createECDH, randomBytes } from 'node:crypto'
import { test } from 'node:test'
import { encrypt, MESSAGE_BYTES, TEXT_BYTES } from '../../../../src/hub/push/aes128gcm.ts'
import { decrypt, PushBrowser } from '../../../support/push-service.ts'

const bytes = (text: string) => Buffer.from(text, 'base64url')

/** The example of RFC 8291, appendix A. */
const EXAMPLE = {
  text: 'V2hlbiBJIGdyb3cgdXAsIEkgd2FudCB0byBiZSBhIHdhdGVybWVsb24',
  sender: 'yfWPiYE-n46HLnH0KqZOF1fJJU3MYrct3AELtAQ-oRw',
  receiver: 'q1dXpw3UpT5VOmu_cf_v6ih07Aems3njxI-JWgLcM94',
  p256dh: 'BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4',
  auth: 'BTBZMqHH6r4Tts7J_aSIgg',
  salt: 'DGv6ra1nlYgDCS1FRnbzlw',
  message:
    'DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3jl7A_yl95bQpu6cVPTpK4Mqgkf1CXztLVBSt2Ks3oZwbuwXPXLWyouBWLVWGNWQexSgSxsj_Qulcy4a-fN',
}

test('encrypts the example of RFC 8291 as the RFC does', () => {
  const keys = createECDH('prime256v1')
  keys.setPrivateKey(bytes(EXAMPLE.sender))
  const text = bytes(EXAMPLE.text)
  const message = encrypt(text, EXAMPLE, text.length, { keys, salt: bytes(EXAMPLE.salt) })
  assert.equal(message.toString('base64url'), EXAMPLE.message)
})

test('the browser of the tests decrypts the example of RFC 8291', () => {
  const keys = createECDH('prime256v1')
  keys.setPrivateKey(bytes(EXAMPLE.receiver))
  assert.equal(keys.getPublicKey('base64url'), EXAMPLE.p256dh)
  const text = decrypt(bytes(EXAMPLE.message), keys, bytes(EXAMPLE.auth))
  assert.equal(text.toString(), 'When I grow up, I want to be a watermelon')
})

test('every message has the same length, and only the browser with the keys decrypts it', () => {
  const browser = new PushBrowser()
  for (const length of [0, 1, 500, TEXT_BYTES]) {
    const text = randomBytes(length)
    const message = encrypt(text, browser.keys)
    assert.equal(message.length, MESSAGE_BYTES)
    assert.deepEqual(browser.decrypt(message), text)
    assert.notDeepEqual(encrypt(text, browser.keys), message)
    assert.throws(() => new PushBrowser().decrypt(message))
  }
  assert.ok(MESSAGE_BYTES < 3000)
  assert.throws(() => encrypt(randomBytes(TEXT_BYTES + 1), browser.keys), /longer/)
})
