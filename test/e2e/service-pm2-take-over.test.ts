import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { promisify } from 'node:util'
import { fakeAgent } from '../support/fake-agent.ts'
import { PROGRAM, Stage } from '../support/stage.ts'
import { testTool } from '../support/tool.ts'
import { until } from '../support/wait.ts'

test('`--take-over` takes over a handwritten pm2 entry', async (t) => {
  const stage = await Stage.open(t, { FOMULAR_CLAUDE_PATH: fakeAgent(t) })
  await stage.hub()
  const env = { ...stage.env, PATH: `${await testTool('pm2', '7.0.4')}/.bin:${stage.env.PATH}` }
  const pm2 = (...args: string[]) => promisify(execFile)('pm2', args, { env, cwd: stage.cwd })
  const key = readFileSync(join(stage.state, 'hub/machine.key'), 'utf8').trim()
  const file = join(stage.cwd, 'ecosystem.config.cjs')
  const link = join(stage.cwd, 'fomular-daemon')
  symlinkSync(PROGRAM, link)
  const app = {
    name: 'fomular-daemon',
    script: PROGRAM,
    args: `--server-url ws://127.0.0.1:${stage.port} --key ${key}`,
    interpreter: process.execPath,
    env: { FOMULAR_DAEMON_NO_SELF_RELAUNCH: '1', ANTHROPIC_API_KEY: 'sk' },
    autorestart: true,
    max_restarts: 50,
  }
  // The path contains the program's name, like the path of an installed program.
  writeFileSync(file, `module.exports = ${JSON.stringify({ apps: [{ ...app, script: link }] })}`)
  await pm2('start', file)
  await until(async () => (await stage.machine())?.connected, { what: 'the daemon' })
  const agent = await stage.start()
  await stage.agentIs(agent, 'idle')
  const service = async (...args: string[]) => {
    const running = stage.run(['service', ...args, '--json'], env)
    const code = await running.ended
    return { code, ...JSON.parse(running.log().trim().split('\n').at(-1)!) }
  }
  const refused = await service('install', '--manager', 'pm2')
  assert.deepEqual([refused.code, refused.error?.code], [4, 'by_hand'])
  const taken = await service('install', '--manager', 'pm2', '--take-over')
  assert.equal(taken.code, 0, JSON.stringify(taken))
  assert.deepEqual((await stage.agent(agent)).exit, { code: 0, reason: 'stopped' })
  await until(async () => (await stage.machine())?.connected, { what: 'the daemon of the service' })
  const made = readFileSync(join(stage.env.HOME!, '.config/fomular-daemon/ecosystem.config.js'), 'utf8')
  assert.doesNotMatch(made, new RegExp(key))
  assert.match(made, /"ANTHROPIC_API_KEY": "sk"/)
  await pm2('kill')
})
