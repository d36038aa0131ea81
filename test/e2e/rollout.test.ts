import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import type { HubRollout } from '../../src/protocol/index.ts'
import { tempDir } from '../support/temp.ts'
import { KillableHub, UpdatingMachines } from '../support/updating-machines.ts'
import { until } from '../support/wait.ts'

const MACHINES = 200
const CANARIES = 10
const WAIT = { timeoutMs: 120_000 }

async function fleet(t: TestContext, isBad: (machineId: string, version: string) => boolean) {
  const hub = new KillableHub(tempDir(t))
  const machines = new UpdatingMachines(hub, isBad)
  t.after(async () => {
    machines.end()
    await hub.kill()
  })
  await hub.start()
  for (let n = 0; n < MACHINES; n++) await machines.add(`m${n}`, n < CANARIES ? 'canary' : 'rest')
  const begin = (rest: object) =>
    hub.api<HubRollout>('POST', '/api/rollouts', { groups: ['canary', 'rest'], soak_s: 0, ...rest })
  const reaches = (id: string, state: string) =>
    until(
      async () => {
        const rollout = await hub.api<HubRollout>('GET', `/api/rollouts/${id}`).catch(() => undefined)
        return rollout?.state === state && rollout
      },
      { what: `the rollout to be ${state}`, ...WAIT },
    ) as Promise<HubRollout>
  return { hub, machines, begin, reaches }
}

test('a rollout to 200 machines keeps its limit and repeats no update, while its hub is killed', async (t) => {
  const bad = ['m3', 'm50', 'm120']
  const { hub, machines, begin, reaches } = await fleet(t, (id) => bad.includes(id))
  const { rollout_id } = await begin({ version: '2.0.0', max_unavailable: 7, halt_on: 4 })
  for (const share of [5, 60, 110, 160]) {
    await until(() => machines.done.length >= share, { what: `${share} updates`, ...WAIT })
    await hub.kill()
    await hub.start()
  }
  const { machines: all } = await reaches(rollout_id, 'done')
  assert.ok(machines.most <= 7, `${machines.most} machines were down`)
  const failed = all.filter(({ state }) => state === 'failed').map(({ machine_id }) => machine_id)
  assert.deepEqual(failed.sort(), [...bad].sort())
  assert.equal(all.filter(({ state }) => state === 'updated').length, MACHINES - bad.length)
  assert.equal(machines.done.length, MACHINES)
  assert.equal(new Set(machines.done.map(({ machine_id }) => machine_id)).size, MACHINES)
})

test('a bad version stops in the first group, is rolled back, and is then blocked', async (t) => {
  const { hub, machines, begin, reaches } = await fleet(
    t,
    (id, version) => version === '3.0.0' && id === 'm4',
  )
  const { rollout_id } = await begin({ version: '3.0.0', max_unavailable: 2 })
  const { reason } = await reaches(rollout_id, 'halted')
  assert.match(reason ?? '', /1 of 200 machines/)
  await until(() => machines.updating.size === 0, { what: 'the last update' })
  assert.ok(machines.done.every(({ machine_id }) => Number(machine_id.slice(1)) < CANARIES))
  await hub.api('POST', `/api/rollouts/${rollout_id}/roll-back`)
  await reaches(rollout_id, 'rolled_back')
  assert.ok([...machines.versions.values()].every((version) => version === '1.0.0'))
  assert.ok(machines.most <= 2)
  await hub.api('POST', '/api/blocked-versions/3.0.0', { reason: 'It does not start.' })
  for (const path of ['/api/rollouts', '/api/machines/m1/update']) {
    const body = path === '/api/rollouts' ? { version: '3.0.0', groups: ['rest'] } : { version: '3.0.0' }
    const { error } = await hub.api<{ error: { code: string } }>('POST', path, body)
    assert.equal(error.code, 'version_blocked')
  }
})
