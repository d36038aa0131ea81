import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { ActivityLog } from '../../../src/hub/activity-log.ts'
import type { Activity, AnyEvent } from '../../../src/protocol/index.ts'
import { tempDir } from '../../support/temp.ts'

const said = (text: string): Activity => ({
  type: 'agent:activity',
  agent_id: 'a',
  from: 0,
  to: 10,
  events: [{ kind: 'text', offset: 0, index: 0, text }],
})

async function history(log: ActivityLog): Promise<AnyEvent[]> {
  const after = { offset: -1, index: 0 }
  return (await log.read(0, after)).events
}

test('a machine that announces another journal twice at once causes no damage', async (t) => {
  const log = new ActivityLog(join(tempDir(t), 'activity.jsonl'), () => {})
  log.take(said('first'), 0)
  await log.commit()
  const both = [log.turn(0), log.turn(0)]
  await both[0]
  // It is written while the second announcement is handled.
  log.take(said('second'), 0)
  await both[1]
  log.take(said('third'), 0)
  await log.commit()
  const events = await history(log)
  const offsets = events.map(({ offset }) => offset)
  assert.deepEqual(
    offsets,
    [...new Set(offsets)].sort((a, b) => a - b),
  )
  assert.equal(log.acknowledged, 10)
})
