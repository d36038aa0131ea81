import assert from 'node:assert/strict'
import { appendFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { lastLines, newLines } from '../../../src/cli/tail.ts'
import { tempDir } from '../../support/temp.ts'

test('the tail of a log contains only complete lines', (t) => {
  const path = join(tempDir(t), 'log')
  assert.equal(lastLines(path, 5), undefined)
  writeFileSync(path, 'one\ntwo\nthrée\ntorn')
  assert.deepEqual(lastLines(path, 2)?.lines, ['two', 'thrée'])
  assert.deepEqual(lastLines(path, 0)?.lines, [])
})

test('each new log line arrives once, even when the log is rotated', async (t) => {
  const path = join(tempDir(t), 'log')
  writeFileSync(path, 'old\nto')
  const added = newLines(path, lastLines(path, 1)?.place)
  const next = async () => (await added.next()).value
  appendFileSync(path, 'rn\nnext\n')
  assert.equal(await next(), 'torn')
  assert.equal(await next(), 'next')
  renameSync(path, `${path}.1`)
  writeFileSync(path, 'fresh\n')
  assert.equal(await next(), 'fresh')
  await added.return(undefined)
})

test('no line is lost when the log is rotated between two reads', async (t) => {
  const path = join(tempDir(t), 'log')
  const log = (...lines: string[]) => appendFileSync(path, lines.map((line) => `${line}\n`).join(''))
  const rotate = () => renameSync(path, `${path}.1`)
  log('old')
  const added = newLines(path, lastLines(path, 1)?.place)
  const next = async () => (await added.next()).value
  // These lines are written before the first read.
  log('one', 'two')
  rotate()
  log('three')
  for (const line of ['one', 'two', 'three']) assert.equal(await next(), line)
  // These lines need more than one read, and one of them is written in two pieces.
  const long = 'x'.repeat(1024 * 1024)
  appendFileSync(path, 'to')
  const torn = next()
  appendFileSync(path, 'rn\n')
  for (let count = 0; count < 6; count++) log(long)
  log('last')
  rotate()
  log('fresh')
  assert.equal(await torn, 'torn')
  for (let count = 0; count < 6; count++) assert.equal(await next(), long)
  assert.equal(await next(), 'last')
  assert.equal(await next(), 'fresh')
  // This `.1` is not the log that was read before, so none of its lines are printed.
  writeFileSync(`${path}.1`, 'foreign\n')
  renameSync(path, `${path}.gone`)
  log('newest')
  assert.equal(await next(), 'newest')
  await added.return(undefined)
})

test('a character that is split between two reads is kept, and a line that is too long is skipped', async (t) => {
  const path = join(tempDir(t), 'log')
  const line = 'é'.repeat(1.5 * 1024 * 1024)
  writeFileSync(path, `${line}\n${line}\n${'é'.repeat(5 * 1024 * 1024)}\nnext\n`)
  const added = newLines(path, undefined)
  const next = async () => (await added.next()).value
  assert.ok((await next()) === line)
  assert.ok((await next()) === line)
  while ((await next()) !== 'next');
  await added.return(undefined)
})
