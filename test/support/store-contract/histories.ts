import assert from 'node:assert/strict'
import { BEGINNING, END, isAfter } from '../../../src/hub/store/event-id.ts'
import type { Store } from '../../../src/hub/store/store.ts'
import type { AnyEvent } from '../../../src/protocol/index.ts'

/** Reads forward to the end. */
export async function historyOf({ journals }: Store, key: string, after = BEGINNING): Promise<AnyEvent[]> {
  const reader = journals.read(key, after)
  const all: AnyEvent[] = []
  for (let isEnd = false; !isEnd; ) {
    const batch = await reader.next()
    for (const event of batch.events) all.push(event)
    assert.ok(batch.events.every((event) => !isAfter(event, batch.last)))
    isEnd = batch.isEnd
  }
  return all
}

/** Reads backward to the beginning. @param most maximum number of events of a batch */
export async function earlierHistoryOf(
  { journals }: Store,
  key: string,
  before = END,
  most = Infinity,
): Promise<AnyEvent[]> {
  const reader = journals.readBackward(key, before)
  let all: AnyEvent[] = []
  let first = before
  for (let isBeginning = false; !isBeginning; ) {
    const batch = await reader.next(most)
    all = [...batch.events, ...all]
    assert.ok(batch.events.length <= most)
    assert.ok(!isAfter(batch.first, first))
    assert.ok(batch.events.every((event) => !isAfter(batch.first, event)))
    first = batch.first
    isBeginning = batch.isBeginning
  }
  assert.deepEqual((await reader.next(most)).events, [])
  return all
}
