import assert from 'node:assert/strict'
import { chmodSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { loadDaemonConfig } from '../../../src/config/daemon-config.ts'
import { UserError } from '../../../src/platform/errors.ts'
import { tempDir } from '../../support/temp.ts'

const load = async (t: TestContext, env: NodeJS.ProcessEnv) =>
  (await loadDaemonConfig({ flags: { key: 'k' }, env: { HOME: tempDir(t), ...env } })).traces

function headersFile(t: TestContext, text: string, mode = 0o600): string {
  const path = join(tempDir(t), 'headers')
  writeFileSync(path, text)
  chmodSync(path, mode)
  return path
}

const refused = (text: RegExp) => (error: unknown) =>
  error instanceof UserError && error.exitCode === 2 && text.test(`${error.message} ${error.remedy}`)

test('without a collector, there are no traces', async (t) => {
  assert.equal(await load(t, { FOMULAR_TRACES_CONTENT: 'true' }), undefined)
})

test('the address of a collector may be its origin, or the address of its traces', async (t) => {
  const url = async (given: string) => (await load(t, { FOMULAR_TRACES_URL: given }))?.url
  assert.equal(await url('http://localhost:4318'), 'http://localhost:4318/v1/traces')
  assert.equal(
    await url('https://host.example.com/otlp/v1/traces'),
    'https://host.example.com/otlp/v1/traces',
  )
})

test('a collector on another machine needs TLS, unless its network is private', async (t) => {
  const env = { FOMULAR_TRACES_URL: 'http://collector.example.com:4318' }
  await assert.rejects(load(t, env), refused(/FOMULAR_TRACES_URL: .* not encrypted.*traces\.allow_insecure/))
  const { url } = (await load(t, { ...env, FOMULAR_TRACES_ALLOW_INSECURE: 'true' }))!
  assert.equal(url, 'http://collector.example.com:4318/v1/traces')
  for (const bad of ['collector', 'ftp://host/', 'https://me:word@host/'])
    await assert.rejects(load(t, { FOMULAR_TRACES_URL: bad }), refused(/FOMULAR_TRACES_URL/), bad)
})

test('headers are in a file that only this user can read, and no error shows them', async (t) => {
  const env = (file: string) => ({
    FOMULAR_TRACES_URL: 'http://localhost:4318',
    FOMULAR_TRACES_HEADERS_FILE: file,
  })
  const { headers } = (await load(t, env(headersFile(t, 'Authorization: Bearer k\n\nX-Team: a b\r\n'))))!
  assert.deepEqual(headers, { authorization: 'Bearer k', 'x-team': 'a b' })
  await assert.rejects(load(t, env(headersFile(t, 'A: b\n', 0o644))), refused(/chmod 600/))
  await assert.rejects(load(t, env(join(tempDir(t), 'none'))), refused(/cannot be read/))
  for (const text of ['secret', 'A b: secret', 'A: secret\x01'])
    await assert.rejects(
      load(t, env(headersFile(t, text))),
      (error: UserError) => refused(/invalid in line 1/)(error) && !error.message.includes('secret'),
    )
})
