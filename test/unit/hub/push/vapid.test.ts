import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import { test } from 'node:test'
import { Vapid } from '../../../../src/hub/push/vapid.ts'
import { claimsIn } from '../../../support/push-service.ts'

const pem = () =>
  generateKeyPairSync('ec', { namedCurve: 'P-256' })
    .privateKey.export({ type: 'pkcs8', format: 'pem' })
    .toString()

test('signs for one push service, with a contact and for less than a day', () => {
  const vapid = new Vapid(pem())
  const now = Date.parse('2026-11-27T12:00:00Z')
  const endpoint = new URL('https://push.example.com:8443/send/abc?d=1')
  const { key, claims } = claimsIn(vapid.authorization(endpoint, 'https://hub.example.com', now))
  assert.equal(key, vapid.publicKey)
  assert.equal(Buffer.from(key, 'base64url').length, 65)
  assert.deepEqual(
    { ...claims, exp: 0 },
    { aud: 'https://push.example.com:8443', exp: 0, sub: 'https://hub.example.com' },
  )
  assert.ok(claims.exp > now / 1000 && claims.exp <= now / 1000 + 24 * 60 * 60)
})

test('a signature of another key is invalid', () => {
  const [one, other] = [new Vapid(pem()), new Vapid(pem())]
  const header = one.authorization(new URL('https://push.example.com'), 'https://hub.example.com', 0)
  assert.throws(() => claimsIn(header.replace(one.publicKey, other.publicKey)), /signature/)
})
