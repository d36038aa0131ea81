import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Said } from '../../src/hub/audit/audit.ts'
import { Denials } from '../../src/hub/audit/denials.ts'
import { ManualClock } from '../support/manual-clock.ts'

/** Returns a separate recorder of refused attempts, and the entries that the recorder makes. */
function denialsOf() {
  const noted: Said[] = []
  const clock = new ManualClock()
  const denials = new Denials({ note: (said) => noted.push(said), clock })
  const attempt = (said: Partial<Said>) =>
    denials.add({ action: 'GET /api/agents', outcome: 'refused', code: 'unauthorized', ...said })
  return { noted, denials, clock, attempt }
}

test('records of attempts that continue for months cannot displace the records of real orders', () => {
  const { noted, clock, attempt } = denialsOf()
  const days = 100
  for (let minute = 0; minute < days * 24 * 60; minute++) {
    for (let n = 0; n < 3; n++)
      attempt({ from: `10.0.${minute % 250}.${n}`, action: `GET /api/${minute % 40}` })
    clock.pass(60_000)
  }
  const chars = noted.reduce((sum, said) => sum + JSON.stringify(said).length, 0)
  assert.ok(chars / days < 30_000, `${chars / days} a day`)
})

test('records of refused attempts cannot displace the records of real orders', () => {
  const { noted, denials, attempt } = denialsOf()
  for (let i = 0; i < 1000; i++) {
    attempt({ from: '10.0.0.1' })
    attempt({ from: `10.1.0.${i}` })
  }
  assert.equal(noted.length, 20)
  denials.flush()
  assert.deepEqual(
    noted.slice(20).map(({ from, times, action }) => [from, times, action]),
    [
      ['10.0.0.1', 999, 'GET /api/agents'],
      [undefined, 981, 'others'],
    ],
  )
})

test('many kinds of attempts with one key do not hide attempts with another key', () => {
  const { noted, denials, attempt } = denialsOf()
  for (let i = 0; i < 100; i++) attempt({ by: 'bob', key_id: 'b', action: `agent:x${i}` })
  attempt({ by: 'alice', key_id: 'a', code: 'forbidden' })
  attempt({ from: '10.0.0.1' })
  denials.flush()
  assert.deepEqual(
    noted.slice(20).map(({ by, action, code, times }) => [by, action, code, times]),
    [
      ['alice', 'GET /api/agents', 'forbidden', undefined],
      [undefined, 'GET /api/agents', 'unauthorized', undefined],
      ['bob', 'others', 'unauthorized', 80],
    ],
  )
})
