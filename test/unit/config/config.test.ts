import assert from 'node:assert/strict'
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { loadDaemonConfig } from '../../../src/config/daemon-config.ts'
import type { DaemonFlags } from '../../../src/config/sources.ts'
import { UserError } from '../../../src/platform/errors.ts'

const home = mkdtempSync(join(tmpdir(), 'fomular-config-'))
after(() => rmSync(home, { recursive: true, force: true }))

let files = 0
function file(content: string, mode = 0o600): string {
  const path = join(home, `config-${++files}.toml`)
  writeFileSync(path, content)
  chmodSync(path, mode)
  return path
}

const load = (flags: DaemonFlags = {}, env: NodeJS.ProcessEnv = {}) =>
  loadDaemonConfig({ flags: { key: 'k', ...flags }, env: { HOME: home, ...env } })

async function refusal(promise: Promise<unknown>): Promise<UserError> {
  try {
    await promise
  } catch (error) {
    assert.ok(error instanceof UserError, String(error))
    return error
  }
  throw new Error('it was accepted')
}

const noPolicy = {
  enabled: true,
  package: '@fomular-os/daemon',
  allow_downgrade: false,
  allow_insecure: false,
  confirm_s: 120,
  when_refused: true,
  automatic: false,
  channel: 'latest',
  window: '00:00-24:00',
  min_age_h: 24,
}

test('with an empty configuration, every setting has its default', async () => {
  assert.deepEqual(await load(), {
    server_url: 'ws://localhost:3001',
    key: 'k',
    allow_insecure: false,
    strict_modes: true,
    state_dir: join(home, '.fomular/state'),
    log_level: 'info',
    log_format: 'text',
    max_agents: 200,
    stop_grace_s: 5,
    resume_turns: false,
    journal_cap_mb: 256,
    retain_ended_days: 7,
    update: noPolicy,
    warnings: [],
    faults: [],
  })
})

test('labels are pairs of a key and a value, from a repeated flag or one text', async () => {
  assert.deepEqual((await load({ label: 'site=berlin' })).labels, { site: 'berlin' })
  const env = { FOMULAR_LABEL: 'site=berlin, team=a/b.c-1' }
  assert.deepEqual((await load({}, env)).labels, { site: 'berlin', team: 'a/b.c-1' })
  for (const label of ['site', 'site=', 'a=b=c', 'a=b,a=c', 'a b=c', 'a=\u001b[31m', `a=${'x'.repeat(64)}`])
    assert.match((await refusal(load({ label }))).message, /^--label is .*site=berlin/, label)
})

test('each setting comes from its flag, its variable, the file or the default, in that order', async () => {
  const config = file(
    'max_agents = 1\nlog_level = "warn"\nstop_grace_s = 2.5\n[update]\nregistry = "http://localhost:4873"\nwindow = "02:00-05:30"\n',
  )
  const env = { FOMULAR_CONFIG: config, FOMULAR_MAX_AGENTS: '2', FOMULAR_LOG_LEVEL: 'error' }
  const { max_agents, log_level, stop_grace_s, update } = await load({ maxAgents: '3' }, env)
  assert.deepEqual(
    { max_agents, log_level, stop_grace_s, update },
    {
      max_agents: 3,
      log_level: 'error',
      stop_grace_s: 2.5,
      update: { ...noPolicy, registry: 'http://localhost:4873', window: '02:00-05:30' },
    },
  )
})

test('the configuration file in the home folder is found, and paths in it are relative to the file', async () => {
  const other = mkdtempSync(join(home, 'home-'))
  mkdirSync(join(other, '.fomular'))
  writeFileSync(join(other, '.fomular/config.toml'), 'ca_file = "ca.pem"\n')
  assert.equal((await load({}, { HOME: other })).ca_file, join(other, '.fomular/ca.pem'))
})

test('the state folder comes from its flag, its variable, systemd or the file, in that order', async () => {
  const FOMULAR_CONFIG = file('state_dir = "/from-file"\n')
  const dir = async (flags: DaemonFlags, env: NodeJS.ProcessEnv) =>
    (await load(flags, { FOMULAR_CONFIG, ...env })).state_dir
  assert.equal(await dir({}, {}), '/from-file')
  assert.equal(await dir({}, { STATE_DIRECTORY: '/unit:/second' }), '/unit')
  assert.equal(await dir({}, { STATE_DIRECTORY: '/unit', FOMULAR_STATE_DIR: '/var' }), '/var')
  assert.equal(await dir({ stateDir: '/flag' }, { FOMULAR_STATE_DIR: '/var' }), '/flag')
})

test('configuration errors name the flag, variable or line with the mistake', async () => {
  const unknown = await refusal(load({ config: file('max_agent = 1\n') }))
  assert.match(unknown.message, /there is no setting "max_agent"/)
  assert.match(unknown.remedy ?? '', /Did you mean "max_agents"\?/)
  assert.match(
    (await refusal(load({ config: file('[update]\nregistri = "x"\n') }))).message,
    /"update.registri"/,
  )
  assert.match((await refusal(load({ config: file('a = \n') }))).message, /is not valid TOML/)
  assert.match(
    (await refusal(load({ config: join(home, 'none') }))).message,
    /^--config: .*none cannot be read: no such file or directory$/,
  )
  // Reading this device never ends.
  assert.match(
    (await refusal(load({ config: '/dev/zero' }))).message,
    /^--config: \/dev\/zero cannot be read: it is longer than 1048576 bytes$/,
  )
  assert.match(
    (await refusal(load({}, { FOMULAR_CONFIG: file('max_agents = 0\n') }))).message,
    /config-\d+\.toml: max_agents is 0, but must be a number from 1 to 10000/,
  )
  assert.match(
    (await refusal(load({}, { FOMULAR_MAX_AGENTS: 'many' }))).message,
    /^FOMULAR_MAX_AGENTS is "many"/,
  )
  assert.match((await refusal(load({ maxAgents: '1.5' }))).message, /^--max-agents is "1.5".*whole number/)
  const level = await refusal(load({ logLevel: 'loud' }))
  assert.match(level.message, /^--log-level is "loud", but must be one of trace, debug,/)
  assert.equal(level.exitCode, 2)
})

test('the server address must be a URL without a password, and the connection must be encrypted unless the server is local', async () => {
  const url = async (serverUrl: string, flags: DaemonFlags = {}) =>
    (await load({ serverUrl, ...flags })).server_url
  assert.equal(await url('http://127.0.0.1:4000/'), 'ws://127.0.0.1:4000')
  assert.equal(await url('https://example.com/x?y=1'), 'wss://example.com/x?y=1')
  assert.equal(await url('ws://[::1]:1'), 'ws://[::1]:1')
  assert.equal(await url('ws://10.0.0.1:3001', { allowInsecure: true }), 'ws://10.0.0.1:3001')
  const plain = await refusal(url('ws://10.0.0.1:3001'))
  assert.match(plain.message, /^--server-url: ws:\/\/10.0.0.1:3001 is on another machine, and not encrypted/)
  assert.match(plain.remedy ?? '', /wss:\/\/10.0.0.1:3001, or --allow-insecure/)
  assert.match((await refusal(url('localhost:3001'))).message, /is not a WebSocket address/)
  assert.match((await refusal(url('nonsense'))).message, /is not a server's address/)
  const secret = await refusal(url('wss://me:hunter2@example.com'))
  assert.doesNotMatch(secret.message, /hunter2/)
  assert.deepEqual((await load({ serverUrl: 'ws://10.0.0.1', allowInsecure: true })).warnings, [
    'the connection to ws://10.0.0.1 is not encrypted',
  ])
})

test('a key in the configuration file is refused if other users can read the file', async () => {
  const own = file('key = "secret"\n')
  assert.equal((await load({ key: undefined, config: own })).key, 'secret')
  const open = await refusal(load({ key: undefined, config: file('key = "secret"\n', 0o644) }))
  assert.match(open.message, /other users can read it/)
})

test('no error shows a misplaced key from the configuration file', async () => {
  for (const line of ['key = "fmk_1234', 'key = fmk_1234', 'key = 1234', "key = ['1234']", 'key = "1234"x']) {
    const config = file(`log_level = "info"\n${line}\n`)
    const { message, remedy } = await refusal(load({ key: undefined, config }))
    assert.doesNotMatch(`${message} ${remedy}`, /1234/, line)
  }
  const { message } = await refusal(load({ config: file('log_level = "info"\nkey = "x\n') }))
  assert.match(message, /line 2, column \d+: /)
})

test('`key_file` is relative to the configuration file, and every other source of the key takes precedence', async () => {
  writeFileSync(join(home, 'machine.key'), 'from-file\n', { mode: 0o600 })
  const config = file('key_file = "machine.key"\n')
  assert.equal((await load({ key: undefined, config })).key, 'from-file')
  assert.equal((await load({ key: undefined, config }, { FOMULAR_KEY: 'from-env' })).key, 'from-env')
})
