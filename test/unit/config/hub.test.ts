import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { findHub, fromHere, hubPort } from '../../../src/config/hub.ts'
import { identify } from '../../../src/platform/process-identity.ts'

const root = mkdtempSync(join(tmpdir(), 'fomular-hub-'))
after(() => rmSync(root, { recursive: true, force: true }))

const started = join(root, 'started')
mkdirSync(join(started, 'hub'), { recursive: true })
writeFileSync(join(started, 'hub/user.key'), 'own-key\n', { mode: 0o600 })
writeFileSync(
  join(started, 'hub/hub.json'),
  JSON.stringify({
    version: 1,
    url: 'https://0.0.0.0:4567',
    ...identify(process.pid),
    fingerprint256: 'AB:CD',
  }),
)

const find = (flags: Parameters<typeof findHub>[0]['flags'], env: NodeJS.ProcessEnv = {}) =>
  findHub({ flags, env: { FOMULAR_STATE_DIR: started, ...env } })

test('the hub in the state folder is used by default', () => {
  assert.deepEqual(find({}), {
    url: 'https://127.0.0.1:4567',
    key: 'own-key',
    owner: process.getuid?.(),
    listens: { url: 'https://0.0.0.0:4567', fingerprint256: 'AB:CD' },
  })
})

test('if a flag or a variable names a hub, that hub is used with its own key', () => {
  const env = { FOMULAR_HUB_URL: 'https://hub.example/', FOMULAR_HUB_KEY: 'their-key' }
  assert.deepEqual(find({}, env), { url: 'https://hub.example', key: 'their-key' })
  assert.equal(find({ hub: 'ws://localhost:9' }, env).url, 'http://localhost:9')
})

test('the key of this machine is used only for a hub on this machine', () => {
  assert.equal(find({ hub: 'http://localhost:9' }).key, 'own-key')
  assert.throws(() => find({ hub: 'https://hub.example' }), /No key for the hub at https:\/\/hub.example/)
})

test('a missing hub is reported with the command that starts a hub', () => {
  assert.throws(
    () => find({}, { FOMULAR_STATE_DIR: join(root, 'none') }),
    (error: Error & { remedy?: string }) => /fomular-daemon up/.test(error.remedy ?? ''),
  )
  assert.throws(() => find({ hub: 'ftp://x' }), /--hub: "ftp:\/\/x" is not a hub's address/)
})

test('the port of the hub comes from its variable or the default', () => {
  assert.equal(hubPort({}), 3001)
  assert.equal(hubPort({ FOMULAR_HUB_PORT: '0' }), 0)
  assert.throws(
    () => hubPort({ FOMULAR_HUB_PORT: '99999' }),
    /FOMULAR_HUB_PORT is "99999", which is not a port/,
  )
})

test('a hub that listens on all addresses is reached over loopback', () => {
  assert.equal(fromHere('http://0.0.0.0:3001'), 'http://127.0.0.1:3001')
  assert.equal(fromHere('https://[::]:3001'), 'https://127.0.0.1:3001')
  assert.equal(fromHere('http://10.0.0.0:3001'), 'http://10.0.0.0:3001')
})
