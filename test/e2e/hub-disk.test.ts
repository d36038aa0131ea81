import assert from 'node:assert/strict'
import { mkdirSync, rmSync, symlinkSync } from 'node:fs'
import { test } from 'node:test'
import { systemClock } from '../../src/platform/clock.ts'
import type { Event } from '../../src/protocol/index.ts'
import { TestHub } from '../support/hub.ts'
import { frameOf, statusOf } from '../support/light-daemon.ts'
import { until } from '../support/wait.ts'

const offsets = (events: Event[]) => events.map(({ offset }) => offset)

const steps = (to: number, step = 10) => Array.from({ length: to / step }, (_, n) => n * step)

test('a hub with a full disk acknowledges nothing, reports the full disk, and catches up later', async (t) => {
  const hub = await TestHub.open(t)
  const path = `${hub.dir}/agents/a/activity.jsonl`
  mkdirSync(`${hub.dir}/agents/a`)
  symlinkSync('/dev/full', path)
  const daemon = await hub.daemon({ agents: [statusOf('a')] })
  daemon.send(frameOf('a', 0, 100))
  const health = async () =>
    (await hub.request('GET', '/health')).json() as Promise<{ error?: { code: string } }>
  await until(async () => (await health()).error?.code === 'disk_full', {
    what: 'the report of the full disk',
  })
  assert.equal((await hub.request('GET', '/health')).status, 503)
  daemon.send(frameOf('a', 100, 200))
  await daemon.settled()
  assert.deepEqual(daemon.ofType('agent:ack'), [])
  rmSync(path)
  await daemon.acknowledged('a', 200)
  assert.equal((await hub.request('GET', '/health')).status, 200)
  assert.deepEqual(offsets(await hub.events('a')), steps(200))
})

/** Maximum interval between a hub's attempts to write to a failing disk, in milliseconds. */
const RETRY_MS = 1000

test('data that waits for a slow disk takes a bounded amount of memory, and refused frames are requested again', async (t) => {
  let tries = 0
  const hub = await TestHub.open(t, {
    clock: {
      ...systemClock,
      setTimeout(run, ms) {
        if (ms > RETRY_MS / 2 && ms <= RETRY_MS) tries++
        return systemClock.setTimeout(run, ms)
      },
    },
  })
  const path = `${hub.dir}/agents/a/activity.jsonl`
  mkdirSync(`${hub.dir}/agents/a`)
  symlinkSync('/dev/full', path)
  const daemon = await hub.daemon({ agents: [statusOf('a')] })
  // Each frame covers only one byte of the journal, although its text is long.
  const text = 'x'.repeat(6 * 1024 * 1024)
  const heavy = (offset: number) => ({
    type: 'agent:activity',
    agent_id: 'a',
    from: offset,
    to: offset + 1,
    events: [{ kind: 'text', offset, index: 0, text }],
  })
  for (let offset = 0; offset < 6; offset++) daemon.send(heavy(offset))
  await daemon.settled()
  const before = tries
  await until(() => tries > before + 1, { what: 'tries that fail' })
  assert.deepEqual(daemon.ofType('agent:resend'), [], 'the hub requests nothing again while its disk is full')
  rmSync(path)
  const { from } = await daemon.received('agent:resend')
  assert.equal(from, 3)
  for (let offset = 3; offset < 6; offset++) daemon.send(heavy(offset))
  await daemon.acknowledged('a', 6)
  assert.deepEqual(offsets(await hub.events('a')), [0, 1, 2, 3, 4, 5])
})
