import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { END, type EventId } from '../../../../../src/hub/store/event-id.ts'
import { BackwardJournalReader } from '../../../../../src/hub/store/files/backward-journal-reader.ts'
import { EventJournal } from '../../../../../src/hub/store/files/event-journal.ts'
import { readEnd } from '../../../../../src/hub/store/files/journal-end.ts'
import { lineOf } from '../../../../../src/hub/store/journal-line.ts'
import type { AnyEvent } from '../../../../../src/protocol/index.ts'
import { tempDir } from '../../../../support/temp.ts'

/** Number of lines in the journal. */
const LINES = 4000

/** Writes a journal. @param chars length of each event's text @param damaged numbers of damaged lines */
function journalWith(path: string, chars: (line: number) => number, damaged: number[] = []) {
  const events: AnyEvent[] = []
  const lines = Array.from({ length: LINES }, (_, n) => {
    if (damaged.includes(n)) return '\0'.repeat(200)
    const event = { kind: 'text', offset: n * 10, index: 0, text: 'x'.repeat(chars(n)) } as const
    events.push(event)
    return lineOf({ from: n * 10, to: n * 10 + 10, shift: 0 }, [JSON.stringify(event)])
  })
  writeFileSync(path, `${lines.join('\n')}\n`)
  return {
    events,
    journal: new EventJournal(
      path,
      readEnd(path, () => assert.fail('set aside')),
    ),
  }
}

async function before(journal: EventJournal, id: EventId): Promise<number[]> {
  const reader = new BackwardJournalReader(journal, id)
  let offsets: number[] = []
  for (let isBeginning = false; !isBeginning; ) {
    const batch = await reader.next(Infinity)
    assert.ok(batch.bytes < 2 * 1024 * 1024)
    offsets = [...batch.events.map(({ offset }) => offset), ...offsets]
    isBeginning = batch.isBeginning
  }
  return offsets
}

const PLACES = [0, 1, 777, 1998, 1999, 2000, 2001, 2002, LINES - 1].map((n) => ({ offset: n * 10, index: 0 }))

test('reading backward finds lines that are longer than a block', async (t) => {
  const long = (n: number) => (n === 2000 || n === LINES - 1 ? 1_000_000 : n % 300)
  const { events, journal } = journalWith(join(tempDir(t), 'activity.jsonl'), long)
  for (const place of [...PLACES, END])
    assert.deepEqual(
      await before(journal, place),
      events.map(({ offset }) => offset).filter((offset) => offset < place.offset),
    )
})

test('reading backward skips damaged lines, and finds all events on both sides of them', async (t) => {
  const damaged = [0, ...Array.from({ length: 800 }, (_, n) => 1600 + n)]
  const { events, journal } = journalWith(join(tempDir(t), 'activity.jsonl'), () => 300, damaged)
  for (const place of [...PLACES, END])
    assert.deepEqual(
      await before(journal, place),
      events.map(({ offset }) => offset).filter((offset) => offset < place.offset),
    )
})
