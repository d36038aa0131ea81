// Needs: ps
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { promisify } from 'node:util'
import { fakeAgent } from '../support/fake-agent.ts'
import { Stage } from '../support/stage.ts'
import { testTool } from '../support/tool.ts'
import { until } from '../support/wait.ts'

test('pm2 keeps the daemon running, and does not end the agents', async (t) => {
  const stage = await Stage.open(t, { FOMULAR_CLAUDE_PATH: fakeAgent(t) })
  await stage.hub()
  const home = stage.env.HOME!
  const secret = 'of-who-starts-pm2'
  const env = {
    ...stage.env,
    PATH: `${await testTool('pm2', '7.0.4')}/.bin:${stage.env.PATH}`,
    FOMULAR_KEY: secret,
  }
  const pm2 = (...args: string[]) => promisify(execFile)('pm2', args, { env, cwd: stage.cwd })
  const service = async (...args: string[]) => {
    const running = stage.run(['service', ...args, '--json'], env)
    const code = await running.ended
    return { code, ...JSON.parse(running.log().trim().split('\n').at(-1)!) }
  }
  const key = join(stage.state, 'hub/machine.key')
  const install = () =>
    service('install', '--manager', 'pm2', '--server-url', `ws://127.0.0.1:${stage.port}`, '--key-file', key)
  /** Waits until another process is the daemon and is connected. */
  const renewed = async (before: { pid?: number; since?: string }) => {
    const { since } = await until(
      async () => {
        const machine = await stage.machine()
        return machine?.connected && machine.since !== before.since && machine
      },
      { what: 'a new daemon' },
    )
    const { running, pid } = await service('status')
    assert.ok(running && pid !== before.pid)
    return { pid: pid as number, since }
  }

  const installed = await install()
  assert.equal(installed.code, 0, JSON.stringify(installed))
  let daemon = await renewed({})
  const files = ['.config/fomular-daemon/ecosystem.config.js', '.pm2/dump.pm2'].map((path) =>
    join(home, path),
  )
  const hidden = new RegExp(`${secret}|${readFileSync(key, 'utf8').trim()}`)
  // The environment of the pm2 daemon must not contain secrets from the shell that started pm2.
  const lasting = Number(readFileSync(join(home, '.pm2/pm2.pid'), 'utf8'))
  for (const path of [...files, `/proc/${lasting}/environ`])
    assert.doesNotMatch(readFileSync(path, 'utf8'), hidden, path)

  const logs = stage.run(['service', 'logs', '--lines', '20'], env)
  assert.equal(await logs.ended, 0)
  assert.match(logs.log(), /connected server_version/)

  const agent = await stage.start()
  const { pid } = await stage.agentIs(agent, 'idle')
  const adopted = async () => assert.equal((await stage.agentIs(agent, 'idle')).pid, pid)

  const again = await install()
  assert.deepEqual([again.pid, again.done], [daemon.pid, ['pm2 save']])

  const named = async (command: string) => {
    const running = stage.run([command, '--json'], env)
    return { code: await running.ended, ...JSON.parse(running.log()) }
  }
  const entry = { manager: 'pm2', name: 'fomular-daemon' }
  assert.deepEqual((await named('status')).daemon.service, entry)
  const kept = await named('stop')
  assert.deepEqual([kept.code, kept.error.code], [4, 'is_service'])
  assert.match(kept.error.remedy, /pm2 stop fomular-daemon$/)

  process.kill(daemon.pid, 'SIGKILL')
  daemon = await renewed(daemon)
  await adopted()

  assert.equal((await service('restart')).code, 0)
  daemon = await renewed(daemon)
  await adopted()

  // pm2 does not retry a refused configuration endlessly, and the agents keep running.
  const config = join(home, '.fomular/config.toml')
  mkdirSync(join(home, '.fomular'))
  writeFileSync(config, 'max_agents = "many"\n')
  assert.equal((await service('restart')).error.code, 'service_failed')
  rmSync(config)
  await service('start')
  daemon = await renewed(daemon)
  await adopted()

  await pm2('stop', 'fomular-daemon')
  assert.deepEqual((await stage.agent(agent)).exit, { code: 0, reason: 'stopped' })
  assert.deepEqual(stage.agentProcesses(agent), [])

  const stopped = await named('status')
  assert.deepEqual([stopped.code, stopped.error.daemon.service], [4, entry])
  assert.match(stopped.error.message, /The service fomular-daemon of pm2.*is not running: stopped/)
  assert.match(stopped.error.remedy, /pm2 start fomular-daemon$/)

  const removed = await service('uninstall')
  assert.equal(removed.code, 0, JSON.stringify(removed))
  assert.ok(!existsSync(join(home, '.config/fomular-daemon')))
  assert.doesNotMatch((await pm2('jlist')).stdout, /fomular-daemon/)
})

test('a hub under pm2 can be installed, changed, restarted, and removed', async (t) => {
  const stage = await Stage.open(t)
  const env = { ...stage.env, PATH: `${await testTool('pm2', '7.0.4')}/.bin:${stage.env.PATH}` }
  const pm2 = (...args: string[]) => promisify(execFile)('pm2', args, { env, cwd: stage.cwd })
  const run = async (...args: string[]) => {
    const running = stage.run([...args, '--json'], env)
    const code = await running.ended
    assert.equal(code, 0, running.log())
    return JSON.parse(running.log().slice(running.log().indexOf('{')))
  }
  const port = ['--port', String(stage.port), '--data-dir', join(stage.state, 'hub')]
  const installed = await run('service', 'install', 'hub', '--manager', 'pm2', ...port)
  assert.deepEqual([installed.name, installed.running, installed.runs], ['fomular-hub', true, 'hub'])
  const listed = () => run('machine', 'list').then(({ machines }) => machines)
  await until(() => listed().catch(() => false), { what: 'the hub' })
  // Another version may write the file with a different comment. That changes no setting, so the pm2 entry
  // and its process stay.
  const entry = async () =>
    JSON.parse((await pm2('jlist')).stdout).find(({ name }: { name: string }) => name === 'fomular-hub').pm_id
  const id = await entry()
  const file = join(stage.env.HOME!, '.config/fomular-hub/ecosystem.config.js')
  const text = readFileSync(file, 'utf8')
  writeFileSync(file, text.replace(/^\/\/ treekill.*$/m, '// of another version'))
  await run('service', 'install', 'hub', '--manager', 'pm2', ...port)
  assert.deepEqual([await entry(), readFileSync(file, 'utf8')], [id, text])
  const changed = await run('service', 'install', 'hub', '--manager', 'pm2', ...port, '--verbose')
  assert.notEqual(changed.pid, installed.pid)
  const restarted = await run('service', 'restart')
  assert.notEqual(restarted.pid, changed.pid)
  await until(() => listed().catch(() => false), { what: 'the hub again' })
  const { left } = await run('service', 'uninstall', '--purge')
  assert.match(left.join(), /its log in .*\/logs/)
  assert.ok(!existsSync(join(stage.env.HOME!, '.config/fomular-hub')))
  assert.doesNotMatch((await pm2('jlist')).stdout, /fomular-hub/)
  await pm2('kill')
})
