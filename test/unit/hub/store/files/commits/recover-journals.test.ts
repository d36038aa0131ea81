import assert from 'node:assert/strict'
import {
  appendFileSync,
  closeSync,
  fstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { journalPath } from '../../../../../../src/hub/store/files/agent-folder.ts'
import { storeIn } from './store-in.ts'

const DAMAGED = /^\d+\.log\.damaged-/

/** Overwrites a part of a file with zeros, as a file system does with blocks that were never written. */
function zero(path: string, at: number, length: number) {
  const fd = openSync(path, 'r+')
  writeSync(fd, Buffer.alloc(length), 0, length, at)
  closeSync(fd)
}

const firstLineOf = (text: string) => text.slice(0, text.indexOf('\n') + 1)

test('after a crash of the machine, lines that the journals have lost are restored', async (t) => {
  const { dir, begin, journal, text, recover, segments } = storeIn(t)
  await begin('whole', 'short', 'torn', 'zeros')
  const before = Object.fromEntries(readdirSync(dir).map((key) => [key, text(key)]))
  const first = firstLineOf(before.whole!).length
  truncateSync(journal('short'), first)
  truncateSync(journal('torn'), first + 20)
  zero(journal('zeros'), first + 10, before.zeros!.length - first - 10)
  await recover()
  for (const [key, lines] of Object.entries(before)) assert.equal(text(key), lines, key)
  assert.deepEqual(segments(), [])
})

test('a new hub continues restored journals', async (t) => {
  const { begin, commit, journal, text, recover, open } = storeIn(t)
  await begin('a')
  truncateSync(journal('a'), text('a').length - 30)
  await recover()
  const next = open()
  await next.open('a')
  assert.equal(next.stateOf('a').have, 100)
  await commit('a', 100, 150, next)
  const { events } = await next.read('a', { offset: -1, index: 0 }).next()
  assert.deepEqual(
    events.map(({ offset }) => offset),
    Array.from({ length: 15 }, (_, n) => n * 10),
  )
})

test('damage in the middle of a journal is repaired, and the lines after it are kept', async (t) => {
  const { begin, commit, journal, text, recover, segment } = storeIn(t)
  await begin('a')
  const [end, kept] = [text('a').length, readFileSync(segment())]
  for (let at = 100; at < 1000; at += 50) await commit('a', at, at + 50)
  const whole = text('a')
  // Only the first record is left, and its lines were never written.
  writeFileSync(segment(), kept)
  zero(journal('a'), end - 40, 40)
  await recover()
  assert.equal(text('a'), whole)
})

test('lines between which others were synced alone are restored', async (t) => {
  const { begin, commit, store, take, clock, journal, text, recover } = storeIn(t)
  await begin('a')
  // More than the commit log takes at once.
  for (let at = 100; at < 40_000; at += 50) await take('a', at, at + 50)
  while (store.stateOf('a').have < 40_000) {
    clock.pass(10)
    await new Promise(setImmediate)
  }
  const middle = text('a').length
  await commit('a', 40_000, 40_050)
  const whole = text('a')
  zero(journal('a'), firstLineOf(whole).length, 50)
  truncateSync(journal('a'), middle + 5)
  await recover()
  assert.equal(text('a'), whole)
})

test('a record that a crash has cut off or damaged is ignored', async (t) => {
  const { commitsDir, begin, commit, text, journal, recover, segment, segments } = storeIn(t)
  await begin('a')
  const [path, size, lines] = [segment(), statSync(segment()).size, text('a')]
  await commit('a', 100, 150)
  const whole = readFileSync(path)
  const damages = [
    () => truncateSync(path, size + 60),
    () => truncateSync(path, whole.length - 1),
    () => zero(path, whole.length - 40, 30),
    () => zero(path, size, whole.length - size),
    () =>
      writeFileSync(path, Buffer.concat([whole.subarray(0, -20), Buffer.alloc(19, 'x'), whole.subarray(-1)])),
    () => {
      truncateSync(path, size)
      const before = { bytes: 0, crc: 0 }
      appendFileSync(path, `${JSON.stringify({ key: '../escape', at: 0, bytes: 2, crc: 0, before })}\nx\n`)
    },
  ]
  for (const damage of damages) {
    mkdirSync(commitsDir, { recursive: true })
    writeFileSync(path, whole)
    damage()
    truncateSync(journal('a'), lines.length - 20)
    await recover()
    assert.equal(text('a'), lines)
    assert.deepEqual(segments(), [])
  }
})

for (const [what, line] of [
  ['shorter', '{"from":50,"to":70,"events":[]}\n'],
  [
    'longer',
    `{"from":50,"to":70,"events":[${'{"kind":"text","offset":50,"index":0,"text":"x"},'.repeat(90)}]}\n`,
  ],
] as const)
  test(`a journal that an earlier version of the hub has continued with a ${what} line stays unchanged`, async (t) => {
    const { begin, journal, text, recover, segments } = storeIn(t)
    await begin('a', 'b')
    writeFileSync(journal('a'), `${firstLineOf(text('a'))}${line}{"from":70,"to":130,"events":[]}\n`)
    const [continued, other] = [text('a'), text('b')]
    truncateSync(journal('b'), other.length - 10)
    await recover()
    assert.deepEqual([text('a'), text('b')], [continued, other])
    assert.match(segments().join(), DAMAGED)
  })

test('another journal at the same path gets no lines, even if they would fit', async (t) => {
  const { begin, journal, text, recover, segments } = storeIn(t)
  await begin('a')
  const first = firstLineOf(text('a'))
  const another = first.replace(/"text":"./, '"text":"~')
  assert.equal(another.length, first.length)
  assert.notEqual(another, first)
  writeFileSync(journal('a'), another)
  await recover()
  assert.equal(text('a'), another)
  assert.match(segments().join(), DAMAGED)
})

test('records after a damaged record are restored, and the log is renamed', async (t) => {
  for (const damaged of ['first', 'second']) {
    const { begin, journal, text, segment, segments, recover } = storeIn(t)
    const keys = ['first', 'second', 'third'].filter((key) => key !== damaged)
    await begin('first', 'second', 'third')
    const whole = keys.map(text)
    const at = readFileSync(segment(), 'utf8').indexOf(`{"key":"${damaged}"`)
    zero(segment(), at + 100, 60)
    for (const key of keys) truncateSync(journal(key), text(key).length - 30)
    await recover()
    assert.deepEqual(keys.map(text), whole)
    assert.match(segments().join(), DAMAGED)
  }
})

test('if the lines of one journal belong nowhere, the others are restored, and the log is renamed', async (t) => {
  const { dir, begin, journal, text, recover, segments } = storeIn(t)
  await begin('broken', 'good')
  const good = text('good')
  rmSync(join(dir, 'broken'), { recursive: true })
  writeFileSync(join(dir, 'broken'), 'no folder')
  truncateSync(journal('good'), good.length - 30)
  await recover()
  assert.equal(text('good'), good)
  assert.match(segments().join(), DAMAGED)
})

test('if the system refuses, the log is kept, and the next start restores everything', async (t) => {
  const { dir, begin, journal, text, recover, segments } = storeIn(t)
  await begin('a', 'b')
  const whole = [text('a'), text('b')]
  for (const key of ['a', 'b']) truncateSync(journal(key), text(key).length - 30)
  const pathOf = (key: string) => (key === 'a' ? `/${'x'.repeat(300)}` : journalPath(dir, key))
  await assert.rejects(recover(pathOf), { code: 'recovery_failed' })
  assert.equal(segments().length, 1)
  await recover()
  assert.deepEqual([text('a'), text('b')], whole)
  assert.deepEqual(segments(), [])
})

test('lines that fit are restored, although earlier lines in the log belong to another journal', async (t) => {
  const { begin, commit, journal, text, segment, recover } = storeIn(t)
  await begin('a')
  const at = firstLineOf(text('a')).length + 3
  const foreign = readFileSync(segment(), 'utf8').replace(/"at":\d+/, `"at":${at}`)
  await commit('a', 100, 150)
  const whole = text('a')
  writeFileSync(segment(), foreign + readFileSync(segment(), 'utf8'))
  truncateSync(journal('a'), whole.length - 30)
  await recover()
  assert.equal(text('a'), whole)
})

test('a last line that was never written completely hides no earlier line', async (t) => {
  const { begin, journal, text, recover, open } = storeIn(t)
  await begin('a')
  const whole = text('a')
  for (let n = 0; n < 2; n++)
    appendFileSync(journal('a'), Buffer.concat([Buffer.alloc(50), Buffer.from(']}\n')]))
  await recover()
  const next = open()
  await next.open('a')
  assert.equal(next.stateOf('a').have, 100)
  assert.equal(text('a'), whole)
})

test('zeros in one segment that the next segment fills cost no line behind them', async (t) => {
  const { begin, commit, segment, journal, text, recover } = storeIn(t)
  await begin('a')
  const first = readFileSync(segment())
  await commit('a', 100, 150)
  const all = readFileSync(segment())
  const [logged, alone] = [text('a'), '{"from":150,"to":250,"events":[]}\n']
  writeFileSync(segment(), first)
  writeFileSync(segment().replace(/1\.log$/, '2.log'), all.subarray(first.length))
  appendFileSync(journal('a'), alone)
  zero(journal('a'), firstLineOf(logged).length, logged.length - firstLineOf(logged).length)
  await recover()
  assert.equal(text('a'), logged + alone)
})

test('after the commit log was deleted while the hub ran, activity is logged again', async (t) => {
  const { commitsDir, begin, commit, journal, text, recover } = storeIn(t)
  await begin('a')
  rmSync(commitsDir, { recursive: true })
  await commit('a', 100, 150)
  const whole = text('a')
  truncateSync(journal('a'), whole.length - 20)
  await recover()
  assert.equal(text('a'), whole)
})

test('a journal that is a link to another disk is restored', async (t) => {
  const { dir, begin, commit, journal, text, recover } = storeIn(t)
  await begin('a')
  const elsewhere = join(dir, 'elsewhere.jsonl')
  renameSync(journal('a'), elsewhere)
  symlinkSync(elsewhere, journal('a'))
  await commit('a', 100, 150)
  const whole = text('a')
  truncateSync(elsewhere, whole.length - 20)
  await recover()
  assert.equal(text('a'), whole)
})

test('after a crash, the last lines of all agents are on the disk before a hub takes them for durable', async (t) => {
  const { begin, commit, journal, recover } = storeIn(t)
  await begin('logged')
  await commit('alone', 0, 50)
  // The hub was killed before it had synced this line.
  appendFileSync(journal('alone'), '{"from":50,"to":100,"events":[]}\n')
  const handle = await open(journal('alone'))
  const prototype = Object.getPrototypeOf(handle) as FileHandle
  await handle.close()
  const synced = new Set<number>()
  const { sync } = prototype
  t.mock.method(prototype, 'sync', function (this: FileHandle) {
    synced.add(fstatSync(this.fd).ino)
    return sync.call(this)
  })
  await recover()
  assert.ok(synced.has(statSync(journal('alone')).ino))
})
