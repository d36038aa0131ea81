import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import type { Source } from '../../../src/update/fetch/npm.ts'
import { fetchPackument } from '../../../src/update/fetch/registry.ts'
import { findRelease } from '../../../src/update/fetch/release.ts'
import { certificates } from '../../support/certificates.ts'
import { tempDir } from '../../support/temp.ts'

test('a registry is trusted through an authority of the system, with and without npm', async (t) => {
  const dir = tempDir(t)
  const tls = certificates(dir, ['127.0.0.1'])
  const dist = { tarball: 'https://127.0.0.1/none.tgz', integrity: 'sha512-none' }
  const versions = { '1.2.3': { name: 'daemon', version: '1.2.3', dist } }
  const packument = { name: 'daemon', 'dist-tags': { latest: '1.2.3' }, versions }
  const server = createServer(
    { cert: readFileSync(tls.certificate), key: readFileSync(tls.key) },
    (_request, response) => response.end(JSON.stringify(packument)),
  )
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.after(() => server.close())
  const registry = `https://127.0.0.1:${(server.address() as AddressInfo).port}`
  const sourceWith = (bundle: string): Source => ({
    package: 'daemon',
    registry,
    cwd: tempDir(t),
    env: {
      PATH: process.env.PATH,
      HOME: dir,
      npm_config_globalconfig: '/dev/null',
      npm_config_fetch_retries: '0',
      SSL_CERT_FILE: bundle,
      SSL_CERT_DIR: dir,
    },
    signal: AbortSignal.timeout(60_000),
  })
  const knowing = sourceWith(tls.authority)
  assert.equal((await findRelease('latest', knowing)).version, '1.2.3')
  assert.ok((await fetchPackument('latest', knowing))[1])
  const unknowing = sourceWith('/dev/null')
  for (const ask of [findRelease, fetchPackument])
    await assert.rejects(ask('latest', unknowing), /from an authority that this system does not know/)
})
