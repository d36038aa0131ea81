import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { EventJournal } from '../../../../../src/hub/store/files/event-journal.ts'
import { readEnd } from '../../../../../src/hub/store/files/journal-end.ts'
import { type Activity, type AnyEvent, parseFromDaemon } from '../../../../../src/protocol/index.ts'
import { storedEvents } from '../../../../support/stored-events.ts'
import { tempDir } from '../../../../support/temp.ts'

const event = (offset: number, text: string, rest = '') =>
  `{"kind":"text","offset":${offset},"index":0,"text":${JSON.stringify(text)}${rest}}`
const frame = (from: number, to: number, events: string, rest = '') =>
  `{"type":"agent:activity","agent_id":"a","from":${from},"to":${to},"events":${events}${rest}}`

const FRAMES: { what: string; text: string }[] = [
  { what: 'two events', text: frame(0, 20, `[${event(0, 'one')},${event(10, 'two')}]`) },
  { what: 'other scripts', text: frame(0, 20, `[${event(0, 'Grüße \u2028 日本 🙂 \ud800')}]`) },
  {
    what: 'line feeds between values',
    text: frame(0, 20, `[\n${event(0, 'one')}\r\n,\n ${event(10, 'two')}]`),
  },
  { what: 'unknown fields', text: frame(0, 20, `[${event(0, 'one', ',"newer":{"a":[1,null]}')}]`) },
  { what: 'an unknown kind', text: frame(0, 20, '[{"kind":"newer","offset":0,"index":0,"x":1}]') },
  { what: 'a field twice', text: frame(0, 20, `[${event(0, 'one', ',"text":"two"')}]`) },
  { what: 'the events twice', text: frame(0, 20, `[${event(0, 'one')}]`, `,"events":[${event(10, 'two')}]`) },
  {
    what: 'an escaped name',
    text: frame(0, 20, `[${event(0, 'one')}]`, `,"\\u0065vents":[${event(10, 'two')}]`),
  },
  {
    what: 'a name that ends like another',
    text: frame(0, 20, `[${event(0, 'one')}]`, `,"x\\"events":[${event(10, 'two')}]`),
  },
  {
    what: 'a value that a newer daemon has added',
    text: frame(0, 20, `[{"kind":"state","offset":0,"index":0,"state":"dreaming"},${event(10, 'two')}]`),
  },
  {
    what: 'an event that is too deep',
    text: frame(
      0,
      20,
      `[{"kind":"unknown","offset":0,"index":0,"raw":${'['.repeat(300)}${']'.repeat(300)}},${event(10, 'two')}]`,
    ),
  },
  { what: 'no events', text: frame(0, 20, '[]') },
  { what: 'a long frame', text: frame(0, 20, `[${event(0, 'x'.repeat(1_100_000))},${event(10, 'two')}]`) },
]

/** Takes frames as a hub does, and reads the stored events. */
async function stored(path: string, frames: Activity[]): Promise<AnyEvent[]> {
  const log = new EventJournal(
    path,
    readEnd(path, () => assert.fail('damaged')),
  )
  for (const each of frames) assert.equal(log.take(each, 0), 'taken')
  await log.commit()
  return storedEvents(
    new EventJournal(
      path,
      readEnd(path, () => assert.fail('damaged')),
    ),
  )
}

const read = (text: string) => {
  const parsed = parseFromDaemon(Buffer.from(text), { keepText: true })
  assert.ok(parsed.ok, JSON.stringify(parsed))
  return parsed.message as Activity
}

for (const { what, text } of FRAMES)
  test(`the history has the same events whether or not the text of a frame with ${what} is kept`, async (t) => {
    const message = read(text)
    // A copy has no text, so the store writes its events again.
    const copy: Activity = JSON.parse(JSON.stringify(message))
    const dir = tempDir(t)
    assert.deepEqual(await stored(join(dir, 'text'), [message]), await stored(join(dir, 'events'), [copy]))
  })

test('a frame of which a part is known already adds only the other part', async (t) => {
  const first = frame(0, 20, `[${event(0, 'one')},${event(10, 'two')}]`)
  const second = frame(10, 40, `[${event(10, 'two')},${event(20, 'three')},${event(30, 'four')}]`)
  const events = await stored(join(tempDir(t), 'activity.jsonl'), [first, second].map(read))
  assert.deepEqual(
    events.map((each) => 'text' in each && each.text),
    ['one', 'two', 'three', 'four'],
  )
})
