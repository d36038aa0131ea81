import assert from 'node:assert/strict'
import { test } from 'node:test'
import { BEGINNING, endOf } from '../../../../src/hub/store/event-id.ts'
import { Part } from '../../../../src/hub/streams/part.ts'
import { RecentParts } from '../../../../src/hub/streams/recent-parts.ts'

/** Returns a part with one event, which is at `offset`. */
function partAt(offset: number, chars: number): Promise<Part> {
  const after = offset === 0 ? BEGINNING : endOf(offset)
  const id = endOf(offset + 1)
  const event = { kind: 'text' as const, text: 'x'.repeat(chars), offset, index: 0 }
  return Part.of(after, { events: [event], last: id, bytes: chars, isEnd: true }, { id })
}

test('recent parts take at most 8 MiB, and the oldest are dropped first', async () => {
  const recent = new RecentParts()
  for (let n = 0; n < 20; n++) recent.keep(`agent-${n}`, await partAt(0, 900_000))
  const kept = Array.from({ length: 20 }, (_, n) => recent.after(`agent-${n}`, BEGINNING) !== undefined)
  assert.deepEqual(
    kept,
    kept.map((_, n) => n >= 11),
  )
})

test('the newest part is kept at any length, and a later part replaces a very long part', async () => {
  const recent = new RecentParts()
  recent.keep('a', await partAt(0, 1000))
  recent.keep('b', await partAt(0, 9 * 1024 * 1024))
  const kept = () => ['a', 'b', 'c'].filter((agent) => recent.after(agent, BEGINNING))
  assert.deepEqual(kept(), ['b'])
  recent.keep('c', await partAt(0, 1000))
  assert.deepEqual(kept(), ['c'])
})

test('for each agent, only the newest parts are kept', async () => {
  const recent = new RecentParts()
  for (let n = 0; n < 100; n++) recent.keep('a', await partAt(n, 10))
  assert.equal(recent.after('a', endOf(20)), undefined)
  assert.equal(recent.after('a', endOf(99))?.textAfter(endOf(99)).includes('id: 99.0\n'), true)
})

test('a short rest of a part does not keep the whole part in memory', async () => {
  const events = [1_000_000, 2].map((chars, offset) => ({
    kind: 'text' as const,
    text: 'x'.repeat(chars),
    offset,
    index: 0,
  }))
  const id = endOf(2)
  const part = await Part.of(BEGINNING, { events, last: id, bytes: 1, isEnd: true }, { id })
  const rest = part.textAfter(endOf(1))
  assert.match(String(rest), /^event: activity\nid: 1\.0\n/)
  assert.ok(rest.buffer.byteLength < 100_000)
})
