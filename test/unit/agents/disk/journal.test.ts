import assert from 'node:assert/strict'
import { appendFileSync, truncateSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import fc from 'fast-check'
import { Journal, type Line } from '../../../../src/agents/disk/journal.ts'
import { Limits } from '../../../../src/protocol/index.ts'
import { type Cleanup, tempDir } from '../../../support/temp.ts'

const ALL = Number.POSITIVE_INFINITY

function journal(t: Cleanup) {
  const path = join(tempDir(t), 'activity.jsonl')
  const journal = new Journal(path)
  t.after(() => journal.close())
  return { path, journal, write: (bytes: string | Buffer) => appendFileSync(path, bytes) }
}

/** Copies a line for comparison, because its bytes are only valid during the visit. */
const seen = ({ start, end, bytes, tooLong }: Line) => ({ start, end, text: bytes.toString('utf8'), tooLong })

function linesOf(journal: Journal, from = 0, budget = ALL) {
  const lines: ReturnType<typeof seen>[] = []
  const end = journal.lines(from, budget, (line) => {
    lines.push(seen(line))
    return undefined
  })
  return { lines, end }
}

test('a journal that does not exist yet is empty', (t) => {
  const { journal: it } = journal(t)
  assert.deepEqual([it.size(), linesOf(it, 0)], [0, { lines: [], end: 0 }])
})

test('a journal line is readable only after its newline was written', (t) => {
  const { journal: it, write } = journal(t)
  write('one\ntw')
  assert.deepEqual(linesOf(it), { lines: [{ start: 0, end: 4, text: 'one', tooLong: false }], end: 4 })
  write('o')
  assert.deepEqual(linesOf(it, 4), { lines: [], end: 4 })
  write('\n\n')
  assert.deepEqual(linesOf(it, 4), {
    lines: [
      { start: 4, end: 8, text: 'two', tooLong: false },
      { start: 8, end: 9, text: '', tooLong: false },
    ],
    end: 9,
  })
})

test('the lines that are read from a journal depend neither on the sizes of the writes nor on the read budget', (t) => {
  const line = fc.oneof(
    { weight: 6, arbitrary: fc.string({ unit: 'grapheme', maxLength: 50 }) },
    { weight: 2, arbitrary: fc.integer({ min: 4000, max: 9000 }).map((length) => 'x'.repeat(length)) },
    { weight: 1, arbitrary: fc.integer({ min: 250, max: 900 }).map((kib) => 'é'.repeat(kib * 512)) },
  )
  fc.assert(
    fc.property(
      fc.array(line, { maxLength: 12 }),
      fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 12 }),
      fc.integer({ min: 1, max: 300_000 }),
      (texts, cuts, budget) => {
        const { path, journal: it } = journal(t)
        const lines = texts.map((text) => text.replaceAll('\n', ' '))
        const bytes = Buffer.from(lines.map((text) => `${text}\n`).join(''))
        const places = [...cuts.map((cut) => Math.floor(cut * bytes.length)), bytes.length].sort(
          (a, b) => a - b,
        )
        let written = 0
        let at = 0
        const got: string[] = []
        for (const place of places) {
          appendFileSync(path, bytes.subarray(written, place))
          written = place
          for (let before = -1; before !== at; ) {
            before = at
            at = it.lines(at, budget, ({ start, end, bytes, tooLong }) => {
              assert.deepEqual([end - start - 1, tooLong], [bytes.length, false])
              got.push(bytes.toString('utf8'))
              return undefined
            })
          }
        }
        assert.deepEqual(got, lines)
        assert.equal(at, bytes.length)
        it.close()
      },
    ),
    { numRuns: 60 },
  )
})

test('a read of a journal ends after the line that uses up the budget, or when the visitor returns false', (t) => {
  const { journal: it, write } = journal(t)
  write('aaaa\nbbbb\ncccc\n')
  assert.equal(linesOf(it, 0, 6).end, 10)
  assert.equal(linesOf(it, 0, 5).end, 5)
  assert.equal(
    it.lines(5, ALL, () => false),
    10,
  )
})

test('a long line is read in full, a line over the limit is cut off, and the next line is read as usual', (t) => {
  const { journal: it, write } = journal(t)
  const long = Buffer.alloc(Limits.line_bytes, 'l')
  const tooLong = Buffer.alloc(Limits.line_bytes + 1, 't')
  write(long)
  assert.deepEqual(linesOf(it).lines, [])
  write('\n')
  write(tooLong)
  write('\nnext\n')
  const lengths: [bytes: number, head: string, span: number, tooLong: boolean][] = []
  it.lines(0, ALL, ({ start, end, bytes, tooLong }) => {
    lengths.push([bytes.length, bytes.toString('utf8', 0, 1), end - start, tooLong])
    return undefined
  })
  assert.deepEqual(lengths, [
    [Limits.line_bytes, 'l', Limits.line_bytes + 1, false],
    [256 * 1024, 't', Limits.line_bytes + 2, true],
    [4, 'n', 5, false],
  ])
})

test('the last line of a journal is the last complete line that is not empty', (t) => {
  const { journal: it, write } = journal(t)
  assert.equal(it.lastLine(), undefined)
  write('one\ntwo\n\nthr')
  assert.equal(it.lastLine(), 'two')
})

test('offsets stay the same when the head of the journal is freed', (t) => {
  const { path, journal: it, write } = journal(t)
  write('one\ntwo\n')
  truncateSync(path, 0)
  truncateSync(path, 8)
  write('three\n')
  assert.deepEqual(linesOf(it, 8).lines, [{ start: 8, end: 14, text: 'three', tooLong: false }])
})

test('a file with a huge hole is not searched to its end', (t) => {
  const { path, journal: it, write } = journal(t)
  write('one\n')
  truncateSync(path, 2 ** 42)
  assert.throws(() => linesOf(it), /is almost entirely a hole/)
  assert.throws(() => it.lineStart(100), /is almost entirely a hole/)
  // A hole that this program has made is skipped.
  it.holes = [{ from: 4, to: 2 ** 42 }]
  write('two\n')
  assert.deepEqual(
    linesOf(it).lines.map(({ text }) => text),
    ['one', '', 'two'],
  )
})
