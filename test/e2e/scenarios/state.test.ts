import assert from 'node:assert/strict'
import { readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { fakeStage } from '../../support/fake-agent.ts'
import type { Running, Stage } from '../../support/stage.ts'
import { until } from '../../support/wait.ts'

async function end(running: Running) {
  running.kill('SIGTERM')
  await running.ended
}

/** Returns the type, the mode, and the contents of every file in a folder. */
function contents(dir: string): Record<string, string> {
  const files = readdirSync(dir, { recursive: true, encoding: 'utf8' }).sort()
  return Object.fromEntries(
    files.map((name) => {
      const stat = statSync(join(dir, name))
      const body = stat.isFile() ? readFileSync(join(dir, name), 'base64') : ''
      return [name, `${stat.mode} ${stat.mtimeMs * (stat.isFile() ? 1 : 0)} ${body}`]
    }),
  )
}

/** Returns a used state folder whose programs have stopped. */
async function used(t: TestContext) {
  const stage = await fakeStage(t)
  const hub = await stage.hub()
  const daemon = await stage.daemon()
  const agent = await stage.start({ prompt: 'hello' })
  await stage.eventually(agent, 'turn_result')
  const machine = (await stage.machine())!.machine_id
  await end(daemon)
  await end(hub)
  return { stage, agent, machine }
}

const runs: Record<string, (stage: Stage) => string[]> = {
  run: (stage) => ['run', '--server-url', stage.hubUrl, '--key-file', join(stage.state, 'hub/machine.key')],
  up: () => ['up'],
  hub: (stage) => ['hub', '--port', String(stage.port)],
}

test('folders from a newer version are refused with a clear message, and stay completely unchanged', async (t) => {
  const { stage } = await used(t)
  const [state, hub] = [join(stage.state, 'format.json'), join(stage.state, 'hub/format.json')]
  const current = readFileSync(state, 'utf8')
  const newer = ['{"version":1,"format":99}', '{"version":2,"surprise":true}']
  const refused: [string, (keyof typeof runs)[]][] = [
    [state, ['run', 'up']],
    [hub, ['hub']],
  ]
  for (const [file, commands] of refused)
    for (const mark of newer) {
      writeFileSync(file, mark)
      const before = contents(stage.state)
      for (const command of commands) {
        const running = stage.run(runs[command]!(stage))
        assert.notEqual(await running.ended, 0)
        assert.match(running.log(), /written by a newer version/)
        assert.match(running.log(), /Install the newer version again/)
        assert.deepEqual(contents(stage.state), before)
      }
      writeFileSync(file, current)
    }
})

test('a new version uses folders that have no format file, and keeps their contents', async (t) => {
  const { stage, agent, machine } = await used(t)
  const marks = [join(stage.state, 'format.json'), join(stage.state, 'hub/format.json')]
  for (const mark of marks) rmSync(mark)
  await stage.hub()
  await stage.daemon()
  assert.equal((await stage.machine())?.machine_id, machine)
  assert.ok((await stage.events(agent)).some(({ kind }) => kind === 'turn_result'))
  assert.equal((await stage.command(agent, 'resume', { prompt: 'again' })).state, 'succeeded')
  await stage.eventually(agent, 'text', ({ text }) => text === 'again')
  for (const mark of marks)
    assert.deepEqual(JSON.parse(readFileSync(mark, 'utf8')), { version: 1, format: 1, judged: true })
})

test('a machine forgets an agent that ended long ago, but the hub does not', async (t) => {
  const { stage, agent } = await used(t)
  await stage.hub()
  await stage.daemon({ FOMULAR_RETAIN_ENDED_DAYS: '0' })
  const gone = await stage.agentIs(agent, ({ gone }) => gone === true)
  assert.equal(gone.state, 'exited')
  assert.ok((await stage.events(agent)).some(({ kind }) => kind === 'turn_result'))
  await until(() => stage.agentFolders().length === 0, {
    what: 'the deletion of the agent’s folder',
  })
})
