import assert from 'node:assert/strict'
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, type TestContext, test } from 'node:test'
import { TestHub } from '../support/hub.ts'
import { Stage } from '../support/stage.ts'

/** Returns a machine that is enrolled at one hub, and a command that moves it to another hub. */
async function between(t: TestContext) {
  const stage = await Stage.open(t)
  const [first, second] = [await TestHub.open(t), await TestHub.open(t)]
  const home = join(stage.env.HOME!, '.fomular')
  const enroll = async (hub: TestHub, env: Record<string, string> = {}) => {
    const { token } = await hub.api<{ token: string }>('POST', '/api/enrolments', {})
    const args = ['enroll', '--force', '--server-url', hub.url]
    const running = stage.run(args, { FOMULAR_ENROLL_TOKEN: token, ...env })
    return { code: await running.ended, log: running.log() }
  }
  assert.equal((await enroll(first)).code, 0)
  const read = (name: string) => readFileSync(join(home, name), 'utf8')
  return {
    stage,
    second,
    home,
    enroll,
    read,
    keys: () => readdirSync(home).filter((name) => /^key/.test(name)),
  }
}

describe('a machine that moves to another server', () => {
  test('a machine that moves to another server has one key afterwards, for the new server', async (t) => {
    const { second, enroll, read, keys } = await between(t)
    const before = read('key')
    assert.equal((await enroll(second)).code, 0)
    assert.notEqual(read('key'), before)
    assert.match(read('config.toml'), new RegExp(`server_url = "${second.url.replace('http', 'ws')}"`))
    assert.deepEqual(keys(), ['key'])
  })

  test('a machine whose settings cannot be changed keeps its key and its server', async (t) => {
    const { second, home, enroll, read, keys } = await between(t)
    // Quote the keys of the settings, so that a line-based edit does not find them.
    writeFileSync(join(home, 'config.toml'), read('config.toml').replace(/^(\w+)/gm, '"$1"'))
    const before = [read('key'), read('config.toml')]
    const { code, log } = await enroll(second)
    assert.equal(code, 1, log)
    assert.match(log, /cannot be changed/)
    assert.deepEqual([read('key'), read('config.toml')], before)
    assert.deepEqual(keys(), ['key'])
  })

  test('a machine that is killed while it moves to another server has no key afterwards', async (t) => {
    const { stage, second, home, enroll } = await between(t)
    const hook = join(stage.dir, 'kill.cjs')
    writeFileSync(
      hook,
      `const fs = require('node:fs')
const { renameSync } = fs
fs.renameSync = (from, to) => {
  renameSync(from, to)
  if (to === process.env.KILL_BEHIND) process.kill(process.pid, 'SIGKILL')
}
`,
    )
    const env = { NODE_OPTIONS: `--require ${hook}`, KILL_BEHIND: join(home, 'config.toml') }
    assert.equal((await enroll(second, env)).code, 'SIGKILL')
    assert.equal(existsSync(join(home, 'key')), false)
    const daemon = stage.run(['run'])
    assert.equal(await daemon.ended, 2)
    assert.match(daemon.log(), /key/)
    // The machine can connect again after an enrollment with a new token.
    assert.equal((await enroll(second)).code, 0)
    assert.equal(existsSync(join(home, 'key.before')), false)
  })
})
