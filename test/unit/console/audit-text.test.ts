import assert from 'node:assert/strict'
import { test } from 'node:test'
import { newestEntries, withOlder } from '../../../src/console/admin/audit-pages.ts'
import { auditText, joined } from '../../../src/console/admin/audit-text.ts'
import type { AuditEntry } from '../../../src/protocol/audit.ts'

const entry = (n: number, about: Partial<AuditEntry> = {}): AuditEntry => ({
  n,
  at: '2026-01-01T00:00:00.000Z',
  by: 'alice',
  action: 'agent:stop',
  outcome: 'ordered',
  ...about,
})

test('an entry reads as a sentence', () => {
  const { who, order, agent_id, outcome, look } = auditText(entry(1, { agent_id: 'a-1' }))
  assert.deepEqual(
    [who, order, agent_id, outcome, look],
    ['alice', 'stopped the agent', 'a-1', 'in progress', 'open'],
  )
  const refused = auditText(entry(2, { outcome: 'refused', code: 'forbidden', times: 4 }))
  assert.equal(refused.order, 'tried to stop the agent')
  assert.equal(refused.outcome, 'refused: forbidden (4 more times)')
  assert.equal(refused.look, 'problem')
})

test('an entry of a newer hub, or with a hostile name, is still a sentence', () => {
  const { order, outcome } = auditText(entry(1, { action: 'constructor', outcome: 'postponed' }))
  assert.deepEqual([order, outcome], ['gave the order constructor', 'postponed'])
  const { by: _, ...nobody } = entry(2, { action: 'machine:enroll', from: '10.0.0.7' })
  assert.equal(auditText(nobody).who, '10.0.0.7')
})

test('an order and its outcome are one line, the newest first', () => {
  const shown = joined([
    entry(1, { command_id: 'c', details: { grace_s: 1 } }),
    entry(2, { action: 'key:create' }),
    entry(3, { action: 'key:create', of: 2, outcome: 'succeeded', target: 'k' }),
    entry(4, { command_id: 'c', outcome: 'failed', code: 'gone' }),
    entry(5, { outcome: 'refused' }),
    entry(6, { command_id: 'elsewhere', outcome: 'succeeded' }),
  ])
  assert.deepEqual(
    shown.map(({ n, outcome }) => [n, outcome]),
    [
      [6, 'succeeded'],
      [5, 'refused'],
      [2, 'succeeded'],
      [1, 'failed'],
    ],
  )
  assert.deepEqual(shown.at(-1)?.details, { grace_s: 1 })
  assert.equal(shown[2]?.target, 'k')
})

/** A log whose odd entries are by alice. */
function logOf(newest: number, first: number) {
  const all = Array.from({ length: newest - first + 1 }, (_, index) => entry(first + index))
  const matching = all.filter(({ n }) => n % 2 === 1)
  return {
    requests: 0,
    async audit(_: object, { after, limit }: { after?: number; limit: number }) {
      this.requests++
      const entries =
        after === undefined ? matching.slice(-limit) : matching.filter(({ n }) => n > after).slice(0, limit)
      return { entries, next: entries.at(-1)?.n ?? newest, first }
    },
  }
}

test('older pages follow without gaps or repeats, until the oldest entry', async () => {
  const log = logOf(5000, 101)
  let page = await newestEntries(log, {})
  assert.equal(page.entries.length, 100)
  while (page.hasOlder) page = await withOlder(log, {}, page)
  assert.deepEqual(
    page.entries.map(({ n }) => n),
    Array.from({ length: 2450 }, (_, index) => 101 + 2 * index),
  )
  assert.ok(log.requests < 10)
})

test('a log with less than a page has no older entries', async () => {
  const page = await newestEntries(logOf(20, 1), {})
  assert.deepEqual([page.entries.length, page.hasOlder], [10, false])
})
