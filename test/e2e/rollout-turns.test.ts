import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import type { AgentStatus, Command, HubRollout } from '../../src/protocol/index.ts'
import { TestHub } from '../support/hub.ts'
import { type LightDaemon, statusOf } from '../support/light-daemon.ts'
import { until } from '../support/wait.ts'

type Ending = Partial<AgentStatus>

const FAILED: Ending = { state: 'idle', turn_failed: { outcome: 'error_during_execution' } }
const CRASHED: Ending = { state: 'exited', exit: { code: 1, reason: 'crashed' } }
const SUCCEEDED: Ending = { state: 'idle' }
const LIMITED: Ending = { ...FAILED, limited: {} }
const STOPPED: Ending = { state: 'exited', exit: { code: 0, reason: 'stopped' } }

let revision = 1
let second = 0

/** Ends a turn of an agent of the machine. */
async function endTurn(daemon: LightDaemon, agentId: string, ending: Ending) {
  for (const rest of [{ state: 'working' } as const, ending]) {
    const since = new Date(Date.UTC(2026, 0, 1, 0, 0, ++second)).toISOString()
    daemon.send({ type: 'agent:status', ...statusOf(agentId, { revision: ++revision, since, ...rest }) })
    await daemon.settled()
  }
}

/** A rollout with an updated machine, which the hub watches for an hour. */
async function soaking(t: TestContext) {
  const hub = await TestHub.open(t)
  const agents = [statusOf('a')]
  const canary = await hub.daemon({ machine_id: 'm1', daemon_version: '1.0.0', agents })
  const other = await hub.daemon({ machine_id: 'm2', daemon_version: '1.0.0', agents })
  for (const [id, group] of [
    ['m1', 'canary'],
    ['m2', 'rest'],
  ])
    await hub.api('POST', `/api/machines/${id}/place`, { group })
  const update = async () => {
    const wanted = { version: '2.0.0', groups: ['canary', 'rest'], soak_s: 3600 }
    const { rollout_id } = await hub.api<HubRollout>('POST', '/api/rollouts', wanted)
    const order = (await canary.command('daemon:update')) as Command
    canary.answer(order, { from_version: '1.0.0', to_version: '2.0.0' })
    const seen = () => hub.api<HubRollout>('GET', `/api/rollouts/${rollout_id}`)
    await until(async () => (await seen()).state === 'soaking', { what: 'the first group' })
    return seen
  }
  return { hub, canary, other, update }
}

test('failed turns and crashed agents on updated machines halt the rollout, and a person can accept them', async (t) => {
  for (const ending of [FAILED, CRASHED]) {
    const { hub, canary, other, update } = await soaking(t)
    for (let n = 0; n < 10; n++) await endTurn(other, 'a', SUCCEEDED)
    const seen = await update()
    for (let n = 0; n < 4; n++) await endTurn(canary, 'a', ending)
    assert.equal((await seen()).state, 'soaking')
    await endTurn(canary, 'a', ending)
    await until(async () => (await seen()).state === 'halted', { what: 'the halt' })
    const { reason, turns, rollout_id } = await seen()
    assert.deepEqual(turns, { updated: { ended: 5, failed: 5 }, others: { ended: 10, failed: 0 } })
    assert.match(
      reason ?? '',
      /^5 of 5 turns have failed on updated machines, but 0 of 10 without the update/,
    )
    await hub.api('POST', `/api/rollouts/${rollout_id}/resume`)
    assert.deepEqual((await seen()).turns?.updated, { ended: 0, failed: 0 })
    await endTurn(canary, 'a', ending)
    assert.equal((await seen()).reason, undefined)
  }
})

test('a rollout continues if turns failed as often before, or end for another reason', async (t) => {
  const { canary, other, update } = await soaking(t)
  for (let n = 0; n < 5; n++) await endTurn(canary, 'a', n < 4 ? FAILED : SUCCEEDED)
  const seen = await update()
  for (let n = 0; n < 6; n++) await endTurn(canary, 'a', FAILED)
  for (let n = 0; n < 2; n++) await endTurn(canary, 'a', LIMITED)
  for (let n = 0; n < 2; n++) await endTurn(canary, 'a', STOPPED)
  await endTurn(other, 'a', SUCCEEDED)
  const { state, turns } = await seen()
  assert.deepEqual(turns, { updated: { ended: 8, failed: 6 }, others: { ended: 6, failed: 4 } })
  assert.equal(state, 'soaking')
})
