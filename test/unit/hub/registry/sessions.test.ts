import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { TestHub } from '../../../support/hub.ts'
import { ManualClock } from '../../../support/manual-clock.ts'
import { signInWithKey, statusOf } from '../../../support/sessions.ts'

test('the last use of sessions is written at most once an hour', async (t) => {
  const clock = new ManualClock()
  const hub = await TestHub.open(t, { clock })
  const { headers } = await signInWithKey(hub, hub.key('user'))
  const file = () => readFileSync(join(hub.dir, 'sessions.json'), 'utf8')
  const first = file()
  for (let minutes = 0; minutes < 50; minutes += 10) {
    clock.jump(600_000)
    assert.equal(await statusOf(hub, '/api/me', { headers }), 200)
  }
  assert.equal(file(), first)
  clock.jump(600_000)
  assert.equal(await statusOf(hub, '/api/me', { headers }), 200)
  assert.match(file(), /"used_at": "1970-01-01T01:00:00.000Z"/)
})
