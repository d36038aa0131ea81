import assert from 'node:assert/strict'
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { loadDaemonConfig } from '../../../src/config/daemon-config.ts'
import { explainConfig } from '../../../src/config/explain.ts'
import { CONFIG_KEYS } from '../../../src/config/settings.ts'
import { tempDir } from '../../support/temp.ts'

function home(t: TestContext, text: string, mode = 0o600) {
  const HOME = tempDir(t)
  const path = join(HOME, '.fomular/config.toml')
  mkdirSync(join(HOME, '.fomular'))
  writeFileSync(path, text)
  chmodSync(path, mode)
  return { HOME, path }
}

const named = async (flags: Record<string, string>, env: NodeJS.ProcessEnv) => {
  const explained = await explainConfig(flags, env)
  const settings = Object.fromEntries(explained.settings.map(({ name, ...setting }) => [name, setting]))
  return { ...explained, settings }
}

test('each setting has its value and its source: flag, variable, line or default', async (t) => {
  const { HOME, path } = home(
    t,
    '# mine\nmax_agents = 3\nlog_level = "warn"\nkey = "secret-key"\n\n[update]\nchannel = "next"\n',
  )
  const { file, settings, problems } = await named({ maxAgents: '7' }, { HOME, FOMULAR_STOP_GRACE_S: '9' })
  assert.deepEqual([file, problems], [path, []])
  assert.deepEqual(settings.max_agents, { value: 7, source: '--max-agents' })
  assert.deepEqual(settings.stop_grace_s, { value: 9, source: 'FOMULAR_STOP_GRACE_S' })
  assert.deepEqual(settings.log_level, { value: 'warn', source: `${path}:3` })
  assert.deepEqual(settings['update.channel'], { value: 'next', source: `${path}:7` })
  assert.deepEqual(settings.key, { value: 'set', source: `${path}:4` })
  assert.deepEqual(settings.server_url, { value: 'ws://localhost:3001', source: 'default' })
})

test('no secret is shown: no key from any source, and no password in an address', async (t) => {
  const { HOME, path } = home(
    t,
    'key = "secret-key"\n[update]\nregistry = "https://me:secret-word@npm.example"\n',
  )
  const places: [Record<string, string>, NodeJS.ProcessEnv][] = [
    [{}, {}],
    [{ key: 'secret-flag' }, {}],
    [{}, { FOMULAR_KEY: 'secret-variable' }],
    [{}, { FOMULAR_KEY: '$NAMED', NAMED: 'secret-variable' }],
  ]
  for (const [flags, env] of places) {
    const told = await named(flags, { HOME, ...env })
    assert.equal(told.settings.key?.value, 'set')
    assert.doesNotMatch(JSON.stringify(told), /secret-/)
  }
  chmodSync(path, 0o644)
  const { settings, problems } = await named({}, { HOME })
  assert.equal(settings.key?.value, null)
  assert.match(problems[0]?.message ?? '', /other users can read it/)
})

test('all mistakes in a file are reported at once, with their lines and suggestions', async (t) => {
  const { HOME, path } = home(
    t,
    'max_agent = 3\nlog_level = "loud"\n[update]\nwindow = "always"\nchanel = "next"\n',
  )
  const { problems } = await named({}, { HOME })
  assert.deepEqual(
    problems.map(({ level }) => level),
    ['error', 'error', 'error', 'error'],
  )
  assert.match(problems[0]!.message, new RegExp(`^${path}:1: there is no setting "max_agent"`))
  assert.equal(problems[0]!.remedy, 'Did you mean "max_agents"?')
  assert.match(problems[1]!.message, new RegExp(`^${path}:5: .*"update.chanel"`))
})

test('an unknown variable that is similar to a variable of this program causes a warning', async (t) => {
  const known = {
    FOMULAR_MAX_AGENTS: '3',
    FOMULAR_HUB_KEY_FILE: 'x',
    FOMULAR_AGENT: 'a',
    FOMULAR_CORP_PROXY: 'p',
  }
  const { problems } = await named(
    {},
    { HOME: tempDir(t), ...known, FOMULAR_MAX_AGENT: '4', FOMULAR_UPDATE_REGISTER: 'x' },
  )
  assert.deepEqual(problems, [
    {
      level: 'warning',
      message: 'Unknown variable FOMULAR_MAX_AGENT.',
      remedy: 'Did you mean FOMULAR_MAX_AGENTS?',
    },
    {
      level: 'warning',
      message: 'Unknown variable FOMULAR_UPDATE_REGISTER.',
      remedy: 'Did you mean FOMULAR_UPDATE_REGISTRY?',
    },
  ])
})

test('on a machine without a configuration file, a daemon gets exactly the settings that are explained', async (t) => {
  const env = { HOME: tempDir(t) }
  const { settings } = await named({ key: 'k' }, env)
  const {
    key: _key,
    warnings: _warnings,
    faults: _faults,
    update,
    ...config
  } = await loadDaemonConfig({ flags: { key: 'k' }, env })
  const flat = {
    ...config,
    ...Object.fromEntries(Object.entries(update).map(([name, value]) => [`update.${name}`, value])),
  }
  assert.deepEqual(Object.fromEntries(Object.keys(flat).map((name) => [name, settings[name]?.value])), flat)
  assert.deepEqual(new Set(Object.keys(settings)), new Set(CONFIG_KEYS.filter((name) => name !== 'key_file')))
})

test('a key file or certificate authority file that other users can write to is reported', async (t) => {
  const dir = tempDir(t)
  const [key, authority] = [join(dir, 'key'), join(dir, 'authority.pem')]
  for (const path of [key, authority]) {
    writeFileSync(path, 'text')
    chmodSync(path, 0o602)
  }
  const { problems } = await explainConfig({ keyFile: key, caFile: authority }, { HOME: dir })
  const told = problems.map(({ message }) => message).filter((text) => text.includes('every user'))
  assert.deepEqual(told.map((text) => text.split(' ')[0]).sort(), [authority, key])
})
