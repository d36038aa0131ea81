import assert from 'node:assert/strict'
import { test } from 'node:test'
import { shortened } from '../../../../src/hub/registry/short-status.ts'
import { StatusLimits } from '../../../../src/hub/registry/status-limits.ts'
import { Limits } from '../../../../src/protocol/index.ts'
import { statusOf } from '../../../support/light-daemon.ts'

test('a list of all agents fits into a frame, and the statuses of machines with small statuses stay complete', () => {
  const room = new StatusLimits()
  const held = ['m-1', 'm-2', 'm-3', 'quiet'].flatMap((machine_id) =>
    Array.from({ length: machine_id === 'quiet' ? 3 : 20 }, (_, n) => {
      const holder = { machine_id }
      const title = 'x'.repeat(machine_id === 'quiet' ? 1000 : 1_000_000)
      return { holder, status: room.fit(holder, statusOf(`a-${n}`, { title })) }
    }),
  )
  const fit = room.inList()
  const listed = held.map(({ holder, status }) => ({ ...holder, status: fit(holder, status) }))
  assert.equal(listed.length, held.length)
  assert.ok(JSON.stringify(listed).length <= 1.01 * Limits.frame_bytes)
  const whole = (id: string) => listed.filter((each) => each.machine_id === id && each.status.title).length
  assert.deepEqual(['m-1', 'm-2', 'm-3', 'quiet'].map(whole), [11, 11, 11, 3])
  // When a machine withdraws its statuses, the other machines get the space that it had.
  for (const { holder } of held) if (holder.machine_id === 'm-3') room.leave(holder)
  const again = room.inList()
  const first = held.filter(({ holder }) => holder.machine_id === 'm-1')
  assert.equal(first.filter(({ holder, status }) => again(holder, status).title).length, 16)
})

test('a shortened status stays within its limit', () => {
  const name = '\u202e'.repeat(Limits.name_chars)
  const sentence = '\u202e'.repeat(Limits.sentence_chars)
  const short = shortened(
    statusOf('a'.repeat(64), {
      since: name,
      runtime: name,
      runtime_version: name,
      title: name,
      cwd: sentence,
      session_id: name,
      model: name,
      queued: { since: name },
      slow: { since: name, detail: sentence },
      exit: { reason: 'lost', detail: sentence },
      pending: [{ request_id: 'r', ask: 'tool', tool: 'Bash', input: {} }],
      pending_omitted: 2,
      permission_mode: 'plan',
    }),
  )
  assert.ok(Buffer.byteLength(JSON.stringify(short)) <= Limits.greeted_agent_bytes)
  assert.deepEqual(
    [short.pending_omitted, short.permission_mode, short.exit],
    [3, 'plan', { reason: 'lost' }],
  )
})
