import assert from 'node:assert/strict'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { type TestContext, test } from 'node:test'
import { planFor } from '../../../src/cli/service/plan.ts'
import { markOf, type Runs } from '../../../src/service/plan.ts'
import { tempDir } from '../../support/temp.ts'

/** Returns the plan for a pm2 service, with these variables in the environment. */
async function planned(
  t: TestContext,
  runs: Runs,
  env: Record<string, string>,
  port?: number,
  flags: Record<string, string> = {},
) {
  const before = { ...process.env }
  t.after(() => Object.assign(process.env, before))
  for (const name of Object.keys(process.env)) if (name.startsWith('FOMULAR_')) delete process.env[name]
  Object.assign(process.env, { HOME: tempDir(t), ...env })
  const options = port === undefined ? flags : { ...flags, port }
  const { plan } = await planFor(runs, 'pm2', 'x', options, { keyNeeded: false })
  for (const name of Object.keys(env)) delete process.env[name]
  return plan
}

test('the service of `up` takes over the hub settings from the user’s environment', async (t) => {
  const memory = { FOMULAR_HUB_KEEP_COMMANDS_MB: '64', FOMULAR_HUB_KEEP_COMMANDS_DAYS: '7' }
  const env = { ...memory, FOMULAR_HUB_PORT: '4100', FOMULAR_HUB_KEY: 'secret' }
  const up = await planned(t, 'up', env)
  assert.deepEqual(up.environment, { ...up.environment, ...memory })
  assert.deepEqual(up.args.slice(0, 4), ['up', '--verbose', '--port', '4100'])
  assert.ok(!JSON.stringify(up).includes('secret'))
  assert.deepEqual((await planned(t, 'up', env, 4200)).args.slice(2, 4), ['--port', '4200'])
  const daemon = await planned(t, 'daemon', env)
  assert.ok(!('FOMULAR_HUB_KEEP_COMMANDS_MB' in daemon.environment) && !daemon.args.includes('--port'))
})

test('an invalid hub variable is refused when the service of `up` is created', async (t) => {
  await assert.rejects(planned(t, 'up', { FOMULAR_HUB_KEEP_COMMANDS_MB: '0' }), /KEEP_COMMANDS_MB is "0"/)
  await assert.rejects(planned(t, 'up', { FOMULAR_HUB_PORT: '99999' }), /HUB_PORT is "99999"/)
})

test('a service keeps the path of its policy in a variable, which older versions ignore', async (t) => {
  const daemon = await planned(t, 'daemon', {}, undefined, { policy: 'here/policy.toml' })
  assert.equal(daemon.environment.FOMULAR_POLICY, resolve('here/policy.toml'))
  assert.ok(!daemon.args.some((arg) => arg.includes('policy')))
  assert.equal(markOf(daemon).policy, resolve('here/policy.toml'))
  const captured = await planned(t, 'daemon', { FOMULAR_POLICY: 'other.toml' })
  assert.equal(captured.environment.FOMULAR_POLICY, resolve('other.toml'))
  assert.equal(markOf(await planned(t, 'daemon', {})).policy, undefined)
})

test('if the server is on another machine, the plan of a service says whether the service has a policy', async (t) => {
  const elsewhere = { FOMULAR_SERVER_URL: 'wss://os.example.com', FOMULAR_KEY: 'k' }
  const home = tempDir(t)
  const hasPolicy = async (env: Record<string, string>) => {
    const before = { ...process.env }
    Object.assign(process.env, env, { HOME: home })
    try {
      return (await planFor('daemon', 'pm2', 'x', {}, { keyNeeded: false })).hasPolicy
    } finally {
      for (const name of Object.keys(env)) delete process.env[name]
      Object.assign(process.env, before)
    }
  }
  assert.equal(await hasPolicy(elsewhere), false)
  assert.equal(await hasPolicy({ ...elsewhere, FOMULAR_POLICY: '/named.toml' }), true)
  assert.equal(await hasPolicy({ FOMULAR_KEY: 'k' }), true)
  mkdirSync(join(home, '.fomular'))
  writeFileSync(join(home, '.fomular/policy.toml'), 'version = 1\n', { mode: 0o600 })
  assert.equal(await hasPolicy(elsewhere), true)
})
