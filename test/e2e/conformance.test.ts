// Needs: python3
import assert from 'node:assert/strict'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { execa } from 'execa'
import type { Level, Verdict } from '../../src/conformance/point.ts'
import type { HubMachine } from '../../src/protocol/index.ts'
import { fakeStage } from '../support/fake-agent.ts'
import { TestHub } from '../support/hub.ts'
import { PythonServer } from '../support/python-server.ts'
import { freePort, RUN } from '../support/stage.ts'
import { tempDir } from '../support/temp.ts'
import { until } from '../support/wait.ts'

interface Judgment {
  ok: boolean
  machine_id: string
  levels: Record<Level, Record<Verdict['result'], number>>
  points: Verdict[]
}

/** Runs the conformance program against a server. @param key key that the server accepts */
async function judged(t: TestContext, url: string, key: string, ...args: string[]) {
  const [file, ...before] = RUN
  const { stdout, stderr, exitCode } = await execa(
    file,
    [...before, 'conformance', '--url', url, '--json', ...args],
    { reject: false, env: { FOMULAR_KEY: key }, cancelSignal: t.signal },
  )
  assert.match(stdout, /^\{/, stderr)
  return { exitCode, judgment: JSON.parse(stdout) as Judgment }
}

const named = ({ points }: Judgment, result: Verdict['result']) =>
  points.filter((point) => point.result === result).map(({ name, detail }) => `${name}: ${detail}`)

test('the hub and a server written in Python pass every point of the protocol', async (t) => {
  const hub = await TestHub.open(t)
  const folder = join(tempDir(t), 'server')
  mkdirSync(folder)
  const port = await freePort()
  const python = new PythonServer(port, 'a-key', folder)
  t.after(() => python.end())
  await until(() => python.said.some((said) => 'listening' in said), { what: 'the Python server' })

  const runs = Promise.all([
    judged(t, hub.url, hub.key('machine'), '--level', 'optional', '--wait-for-command', '60'),
    judged(t, `ws://127.0.0.1:${port}`, 'a-key', '--level', 'optional', '--wait-for-command', '60'),
  ])
  python.order({ type: 'machine:check' })
  const machine = await until(
    async () => {
      const { machines } = (await (await hub.request('GET', '/api/machines')).json()) as {
        machines: HubMachine[]
      }
      return machines.find(({ machine_id }) => machine_id.startsWith('conformance-'))
    },
    { what: 'the machine of the run' },
  )
  await hub.request('POST', `/api/machines/${machine!.machine_id}/check?wait=0`, {})
  for (const { exitCode, judgment } of await runs) {
    assert.deepEqual(named(judgment, 'fails'), [])
    assert.deepEqual(named(judgment, 'untested'), [])
    assert.equal(judgment.ok, true)
    assert.equal(exitCode, 0)
    assert.ok(judgment.levels.core.holds > 20 && judgment.levels.optional.holds > 5)
    for (const { name, section } of judgment.points) assert.ok(section, name)
  }
})

test('an unreachable server fails the first point, and no other point is tried', async (t) => {
  const url = `ws://127.0.0.1:${await freePort()}`
  const { exitCode, judgment } = await judged(t, url, 'a-key')
  assert.equal(exitCode, 1)
  assert.equal(judgment.ok, false)
  const [first, ...rest] = judgment.points
  assert.equal(first?.name, 'upgrade')
  assert.equal(first?.result, 'fails')
  assert.match(first?.detail ?? '', /nothing listens there/)
  for (const { name, result } of rest) assert.equal(result, 'untested', name)
})

test('the daemon passes every point of the protocol, and no agent is left', async (t) => {
  const stage = await fakeStage(t)
  const port = await freePort()
  const [file, ...before] = RUN
  const run = execa(
    file,
    [...before, 'conformance', '--listen', String(port), '--json', '--level', 'optional'],
    { reject: false, env: { FOMULAR_KEY: 'a-key' }, cancelSignal: t.signal },
  )
  stage.run(['run', '--server-url', `ws://127.0.0.1:${port}`], { FOMULAR_KEY: 'a-key' })
  const { stdout, stderr, exitCode } = await run
  assert.match(stdout, /^\{/, stderr)
  const judgment = JSON.parse(stdout) as Judgment
  assert.deepEqual([...named(judgment, 'fails'), ...named(judgment, 'untested')], [])
  assert.equal(exitCode, 0)
  assert.deepEqual(stage.agentFolders(), [])
})
