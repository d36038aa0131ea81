import assert from 'node:assert/strict'
import fs, { appendFileSync, readFileSync, truncateSync } from 'node:fs'
import { syncBuiltinESMExports } from 'node:module'
import { join } from 'node:path'
import { test } from 'node:test'
import { EventJournal } from '../../../../../src/hub/store/files/event-journal.ts'
import { NO_JOURNAL, readEnd } from '../../../../../src/hub/store/files/journal-end.ts'
import type { Activity, AnyEvent } from '../../../../../src/protocol/index.ts'
import { storedEvents } from '../../../../support/stored-events.ts'
import { tempDir } from '../../../../support/temp.ts'

const said = (text: string): Activity => ({
  type: 'agent:activity',
  agent_id: 'a',
  from: 0,
  to: 10,
  events: [{ kind: 'text', offset: 0, index: 0, text }],
})

test('the history is not damaged if a machine announces another journal twice at the same time', async (t) => {
  const log = new EventJournal(join(tempDir(t), 'activity.jsonl'), NO_JOURNAL)
  log.take(said('first'), 0)
  await log.commit()
  const both = [log.turn(0), log.turn(0)]
  await both[0]
  // This activity is written while the second announcement is handled.
  log.take(said('second'), 0)
  await both[1]
  log.take(said('third'), 0)
  await log.commit()
  const events = await storedEvents(log)
  const offsets = events.map(({ offset }) => offset)
  assert.deepEqual(
    offsets,
    [...new Set(offsets)].sort((a, b) => a - b),
  )
  assert.equal(log.ackOffset, 10)
})

test('after a crash in the middle of a long frame, the hub needs only the missing lines', async (t) => {
  const path = join(tempDir(t), 'activity.jsonl')
  const events: AnyEvent[] = Array.from({ length: 40 }, (_, n) => ({
    kind: n % 2 ? 'text_delta' : 'thinking_delta',
    block: n % 2,
    text: 'x'.repeat(100_000),
    offset: Math.floor(n / 2) * 10,
    index: n % 2,
  }))
  const whole: Activity = { type: 'agent:activity', agent_id: 'a', from: 0, to: 1000, events }
  const first = new EventJournal(
    path,
    readEnd(path, () => {}),
  )
  first.take(whole, 0)
  await first.commit()
  const lines = readFileSync(path, 'utf8').trimEnd().split('\n')
  assert.ok(lines.length > 2)
  const bytes = lines.slice(0, -1).join('\n').length + 1
  for (const cut of [bytes, bytes + 10, bytes - 10]) {
    truncateSync(path, cut)
    const log = new EventJournal(
      path,
      readEnd(path, () => assert.fail('set aside')),
    )
    const from = log.ackOffset
    assert.ok(from > 0 && from < 1000 && from === log.wantedOffset)
    // A daemon continues from the acknowledged offset, with the next events.
    assert.equal(
      log.take({ ...whole, from, events: events.filter(({ offset }) => offset >= from) }, 0),
      'taken',
    )
    await log.commit()
    assert.equal(log.ackOffset, 1000)
    const all = await storedEvents(log)
    const ids = (of: AnyEvent[]) => of.map(({ offset, index }) => `${offset}.${index}`)
    assert.deepEqual(ids(all), ids(events))
  }
})

test('a history is found after a restart, even if the journal’s name has special characters', async (t) => {
  for (const journal of ['\u2028'.repeat(64), '","events":[', '\\"}\n\0', '\ud800'.repeat(64)]) {
    const path = join(tempDir(t), 'activity.jsonl')
    const log = new EventJournal(
      path,
      readEnd(path, () => {}),
    )
    log.take({ ...said('first'), journal }, 0)
    await log.commit()
    const again = new EventJournal(
      path,
      readEnd(path, () => assert.fail('set aside')),
    )
    assert.deepEqual([again.ackOffset, again.journal], [10, journal])
  }
})

test('an opened history continues after its last whole line, short or long', async (t) => {
  for (const chars of [1, 10_000, 16_300, 16_384, 100_000]) {
    const path = join(tempDir(t), 'activity.jsonl')
    const first = new EventJournal(
      path,
      readEnd(path, () => {}),
    )
    first.take(said('first'), 0)
    first.take({ ...said('x'.repeat(chars)), from: 10, to: 20 }, 0)
    await first.commit()
    const { bytes } = first
    for (const torn of ['', '{"from":20,']) {
      appendFileSync(path, torn)
      const log = new EventJournal(
        path,
        readEnd(path, () => assert.fail('set aside')),
      )
      assert.deepEqual([log.have, log.bytes, readFileSync(path).length], [20, bytes, bytes])
    }
  }
})

test('a last line that was never written is cut off, and this is reported', async (t) => {
  const path = join(tempDir(t), 'activity.jsonl')
  const first = new EventJournal(path, NO_JOURNAL)
  first.take(said('first'), 0)
  await first.commit()
  const { bytes } = first
  appendFileSync(path, Buffer.concat([Buffer.alloc(50), Buffer.from(']}\n')]))
  const repairs: object[] = []
  const log = new EventJournal(
    path,
    readEnd(path, (repair) => repairs.push(repair)),
  )
  assert.deepEqual([log.have, log.bytes], [10, bytes])
  assert.deepEqual(repairs, [{ cutBytes: 53 }])
})

test('a history is opened as a whole, even if the system returns less than was asked for', async (t) => {
  const path = join(tempDir(t), 'activity.jsonl')
  const first = new EventJournal(path, NO_JOURNAL)
  first.take(said('first'), 0)
  first.take({ ...said('x'.repeat(1000)), from: 10, to: 20 }, 0)
  await first.commit()
  const { bytes } = first
  const read = fs.readSync as (fd: number, into: Buffer, offset: number, length: number, at: number) => number
  const short: typeof read = (fd, into, offset, length, at) =>
    read(fd, into, offset, Math.min(length, 100), at)
  const { mock } = t.mock.method(fs, 'readSync', short)
  syncBuiltinESMExports()
  try {
    const log = new EventJournal(
      path,
      readEnd(path, () => assert.fail('repaired')),
    )
    assert.deepEqual([log.have, log.bytes, readFileSync(path).length], [20, bytes, bytes])
  } finally {
    mock.restore()
    syncBuiltinESMExports()
  }
})
