import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { TestEvent } from 'node:test/reporters'
import durations from '../../suite/durations.ts'

const ended = (type: 'test:pass' | 'test:fail', name: string, ms: number, nesting = 0) =>
  ({ type, data: { name, nesting, details: { duration_ms: ms } } }) as TestEvent

async function report(events: TestEvent[]): Promise<string> {
  let text = ''
  async function* source() {
    yield* events
  }
  for await (const part of durations(source())) text += part
  return text
}

const RUN = [
  ended('test:pass', 'a part', 900, 1),
  ended('test:pass', 'the first', 1000),
  ended('test:fail', 'the second', 62_340),
]
const ROWS = '\n     1.0 s  ok    the first\n    62.3 s  FAIL  the second\n    63.3 s        total\n'

test('the table of durations has a row for each test, but none for its subtests', async () => {
  assert.equal(await report(RUN), ROWS)
})

test('the table of an interrupted run is marked as incomplete', async () => {
  const interrupted = { type: 'test:interrupted', data: { tests: [] } } as unknown as TestEvent
  assert.ok(
    (await report([...RUN, interrupted])).startsWith(`${ROWS}Interrupted: the table is not complete.\n`),
  )
})
