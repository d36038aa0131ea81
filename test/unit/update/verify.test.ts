import assert from 'node:assert/strict'
import { createHash, createSign, generateKeyPairSync } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { UpdateFailure } from '../../../src/update/failure.ts'
import type { Release } from '../../../src/update/package-facts.ts'
import { checkIntegrity, checkSignature } from '../../../src/update/verify.ts'
import { tempDir } from '../../support/temp.ts'

const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
const key = publicKey.export({ format: 'der', type: 'spki' }).toString('base64')

const release = (dist: Partial<Release['dist']> = {}, published = '2026-01-01T00:00:00.000Z'): Release => ({
  name: '@a/b',
  version: '1.0.0',
  dist: { integrity: 'sha512-abc', tarball: '', ...dist },
  published,
})

const sign = (text: string) => createSign('SHA256').update(text).sign(privateKey, 'base64')
const good = { keyid: 'k1', sig: sign('@a/b@1.0.0:sha512-abc') }

/** A registry that has nothing but keys. */
async function keys(t: TestContext, answer: unknown) {
  const server = createServer((request, response) => {
    if (request.url !== '/-/npm/v1/keys') response.statusCode = 404
    response.end(JSON.stringify(answer))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.after(() => server.close())
  const registry = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  return { package: '@a/b', registry, cwd: '/', env: {}, signal: new AbortController().signal }
}

const refused = (message: RegExp) => (error: unknown) =>
  error instanceof UpdateFailure && error.error.code === 'update_integrity' && message.test(error.message)

test('what the registry has signed is taken', async (t) => {
  const source = await keys(t, { keys: [{ keyid: 'k1', key, expires: null }] })
  await checkSignature(release({ signatures: [{ keyid: 'other', sig: 'x' }, good] }), source)
})

test('an expired key holds for what was published before', async (t) => {
  const source = await keys(t, { keys: [{ keyid: 'k1', key, expires: '2026-02-01T00:00:00.000Z' }] })
  await checkSignature(release({ signatures: [good] }), source)
  const later = release({ signatures: [good] }, '2026-03-01T00:00:00.000Z')
  await assert.rejects(checkSignature(later, source), refused(/none of the registry's keys/))
})

test('unsigned, signed by a stranger, or signed for other content: refused', async (t) => {
  const source = await keys(t, { keys: [{ keyid: 'k1', key }] })
  await assert.rejects(checkSignature(release(), source), refused(/is not signed/))
  const stranger = release({ signatures: [{ ...good, keyid: 'k2' }] })
  await assert.rejects(checkSignature(stranger, source), refused(/none of the registry's keys/))
  const other = release({ signatures: [good], integrity: 'sha512-other' })
  await assert.rejects(checkSignature(other, source), refused(/signature of @a\/b@1.0.0 is wrong/))
})

test('a registry without keys cannot vouch', async (t) => {
  await assert.rejects(
    checkSignature(release({ signatures: [good] }), await keys(t, {})),
    refused(/gives no keys/),
  )
})

test('content is what its sha512 says, and nothing without one', async (t) => {
  const file = join(tempDir(t), 'a.tgz')
  writeFileSync(file, 'content')
  const hash = createHash('sha512').update('content').digest('base64')
  await checkIntegrity(file, release({ integrity: `sha1-x sha512-${hash}` }))
  await assert.rejects(checkIntegrity(file, release({ integrity: 'sha512-AAAA' })), refused(/not the one/))
  await assert.rejects(checkIntegrity(file, release({ integrity: 'sha1-AAAA' })), refused(/no sha512/))
})
