import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { enroll } from '../support/enroll.ts'
import { Installation } from '../support/installation.ts'
import { FAULT, TestRegistry } from '../support/registry.ts'
import { until } from '../support/wait.ts'

interface Shown {
  rollout: {
    state: string
    reason?: string
    machines: { machine_id: string; state: string; from?: string }[]
  }
}

/** Starts a hub and three machines with separate installations: one in `canary`, and two in `office`. */
async function fleet(t: TestContext, registry: TestRegistry) {
  const first = await Installation.open(t, registry)
  await first.hub()
  const { stage } = first
  const names = ['canary-1', 'office-1', 'office-2']
  for (const [n, name] of names.entries()) {
    const machine = n === 0 ? first : await Installation.open(t, registry)
    const key = await enroll({ url: stage.hubUrl, userKey: stage.userKey(), name })
    const args = ['run', '--server-url', stage.hubUrl.replace('http', 'ws'), '--key', key]
    machine.stage.run(args, {}, machine.stage.daemonCommand)
  }
  const cli = async (...args: string[]) => first.run(['machine', ...args])
  const versions = async () => {
    const { stdout } = await cli('list', '--json')
    const { machines } = JSON.parse(stdout) as {
      machines: { name: string; connected: boolean; daemon_version: string }[]
    }
    const here = machines.filter(({ connected }) => connected)
    return Object.fromEntries(here.map(({ name, daemon_version }) => [name, daemon_version]))
  }
  await until(async () => Object.keys(await versions()).length === 3, { what: 'three machines' })
  for (const [group, ...members] of [
    ['canary', 'canary-1'],
    ['office', 'office-1', 'office-2'],
  ]) {
    const { code, stderr } = await cli('group', group!, ...members)
    assert.equal(code, 0, stderr)
  }
  return { cli, versions }
}

const STAGED = ['--group', 'canary', '--group', 'office', '--soak', '1s']

test('a rollout updates real machines group by group, and returns them all; a version that does not start stops at the first', async (t) => {
  const registry = await TestRegistry.open(t)
  await registry.release({ version: '1.0.0' })
  await registry.release({ version: '1.1.0' })
  await registry.release({ version: '1.2.0', before: FAULT.refused })
  const { cli, versions } = await fleet(t, registry)

  const updated = await cli('update', ...STAGED, '--to', '1.1.0')
  assert.equal(updated.code, 0, updated.stderr)
  assert.match(updated.stdout, /Rollout \w+: 1\.1\.0 done, group office \(2 of 2\), 3 updated/)
  assert.deepEqual(await versions(), { 'canary-1': '1.1.0', 'office-1': '1.1.0', 'office-2': '1.1.0' })

  const bad = await cli('update', ...STAGED, '--to', '1.2.0')
  assert.equal(bad.code, 1, bad.stderr)
  assert.match(bad.stdout, /1\.2\.0 halted: 1 of 3 machines have failed/)
  assert.match(bad.stdout, /canary-1\s+canary\s+failed/)
  assert.match(bad.stdout, /office-1\s+office\s+waiting/)
  assert.equal((await cli('rollout', 'cancel')).code, 0)

  assert.equal((await cli('block', '1.1.0', '--reason', 'It is slow')).code, 0)
  const refused = await cli('update', 'office-1', '--to', '1.1.0')
  assert.notEqual(refused.code, 0)
  assert.match(refused.stderr, /Version 1\.1\.0 is blocked: It is slow/)
  const { stdout: list } = await cli('rollout', 'list', '--json')
  const { rollouts } = JSON.parse(list) as { rollouts: { rollout_id: string; version: string }[] }
  const { rollout_id } = rollouts.find(({ version }) => version === '1.1.0')!
  assert.match((await cli('rollout', 'show', rollout_id)).stdout, /office-2 runs the blocked version 1\.1\.0/)

  assert.equal((await cli('rollout', 'roll-back', rollout_id)).code, 0)
  await until(
    async () => {
      const { stdout } = await cli('rollout', 'show', rollout_id, '--json')
      return (JSON.parse(stdout) as Shown).rollout.state === 'rolled_back'
    },
    { what: 'the rollback', timeoutMs: 180_000, seen: () => '' },
  )
  assert.deepEqual(await versions(), { 'canary-1': '1.0.0', 'office-1': '1.0.0', 'office-2': '1.0.0' })
})
