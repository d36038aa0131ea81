import assert from 'node:assert/strict'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { execa } from 'execa'
import { Installation } from '../support/installation.ts'
import { FAULT, TestRegistry } from '../support/registry.ts'
import { until } from '../support/wait.ts'

const registry = await TestRegistry.shared()
for (const [version, tag, before] of [
  ['1.0.0', 'latest', ''],
  ['2.0.0', 'crash', FAULT.crash],
  ['2.1.0', 'hang', FAULT.hang],
  ['1.1.0', 'latest', ''],
] as const) {
  await registry.release({ version, tag, before })
  await registry.releaseExecutable({ version, tag, before })
}
/** Token of a private registry, in the form that npm needs. */
const TOKEN = 'npm_0123456789abcdefghijklmnopqrstuvwxyz'

async function filesWith(secret: string, dir: string): Promise<string[]> {
  const { stdout } = await execa('grep', ['-rlF', '--devices=skip', '-e', secret, dir], { reject: false })
  return stdout.split('\n').filter((path) => path !== '')
}

/**
 * Sets up a machine without a supervisor. The daemon gets the key from the arguments or variables of
 * `given`.
 */
async function machineWithKey(
  t: TestContext,
  given: (key: string) => { args?: string[]; env?: Record<string, string> },
  options = {},
) {
  const machine = await Installation.open(t, registry, { ...options, env: { FOMULAR_UPDATE_CONFIRM_S: '2' } })
  const { stage } = machine
  const { host } = new URL(registry.url)
  writeFileSync(
    join(stage.env.HOME!, '.npmrc'),
    `registry=${registry.url}\n//${host}/:_authToken=${TOKEN}\nupdate-notifier=false\n`,
  )
  await machine.hub()
  const ownFile = join(stage.state, 'hub/machine.key')
  const key = readFileSync(ownFile, 'utf8').trim()
  const { args = [], env = {} } = given(key)
  const command = ['run', '--server-url', `ws://127.0.0.1:${stage.port}`, ...args]
  stage.run(command, env, stage.daemonCommand)
  await machine.runs('1.0.0')
  const secretsAreWhereTheyBelong = async (when: string) => {
    assert.deepEqual(await filesWith(key, stage.dir), [ownFile], when)
    assert.deepEqual(await filesWith(TOKEN, stage.dir), [join(stage.env.HOME!, '.npmrc')], when)
  }
  return { machine, key, secretsAreWhereTheyBelong }
}

const forms = {
  'as an argument': (key: string) => ({ args: ['--key', key] }),
  'as one argument with its flag': (key: string) => ({ args: [`--key=${key}`] }),
  'in the environment': (key: string) => ({ env: { FOMULAR_KEY: key } }),
}
for (const [layout, options] of Object.entries({ package: {}, executable: { asExecutable: true } }))
  for (const [form, given] of Object.entries(forms))
    test(`a key that the daemon gets ${form} is not written to a file during or after updates, and the previous version starts with the key (${layout})`, async (t) => {
      const { machine, secretsAreWhereTheyBelong } = await machineWithKey(t, given, options)
      const { stage } = machine
      // A guard takes ten seconds to end a hung release, so one case is enough.
      if (form === 'as an argument') {
        const hung = machine.order('hang')
        await until(() => existsSync(join(stage.state, 'update.starts')), { what: 'the trial' })
        await secretsAreWhereTheyBelong('on trial')
        assert.equal((await hung).error?.code, 'update_hung')
        await machine.runs('1.0.0')
      }
      assert.equal((await machine.order('crash')).error?.code, 'update_crashed')
      await machine.runs('1.0.0')
      await secretsAreWhereTheyBelong('after undone updates')
      assert.equal((await machine.order('1.1.0')).state, 'succeeded')
      await machine.runs('1.1.0')
      await secretsAreWhereTheyBelong('after an update')
    })

test('a key that an older version left in its update record is deleted at the next start', async (t) => {
  const { machine, key, secretsAreWhereTheyBelong } = await machineWithKey(t, forms['as an argument'])
  assert.equal((await machine.order('1.1.0')).state, 'succeeded')
  await machine.runs('1.1.0')
  const { state } = machine.stage
  const record = machine.record()
  const old = { ...record, trial: { ...record.trial, args: ['run', '--key', key, `--key=${key}`] } }
  writeFileSync(join(state, 'update.json'), JSON.stringify(old))
  writeFileSync(join(state, 'update.start'), `HOME=\nrun\n--key\n${key}`)
  const { pid } = machine.daemon!
  assert.equal((await machine.run(['restart'])).code, 0)
  await until(() => machine.daemon && machine.daemon.pid !== pid, { what: 'a new daemon' })
  await machine.runs('1.1.0')
  await secretsAreWhereTheyBelong('after the next start')
  assert.equal(machine.record().outcome, 'succeeded')
})
