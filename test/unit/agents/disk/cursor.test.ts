import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { dropApart, readCursor, writeCursor } from '../../../../src/agents/disk/cursor.ts'
import type { Journal } from '../../../../src/agents/disk/journal.ts'
import { emptySnapshot } from '../../../../src/agents/state/reduce.ts'
import { tempDir } from '../../../support/temp.ts'

const journal = { size: () => 1000 } as Journal

test('the record of the sent bytes is dropped without another change of the cursor', (t) => {
  const path = join(tempDir(t), 'cursor.json')
  const snapshot = { ...emptySnapshot('2026-01-01T00:00:00.000Z'), title: 'a title with "apart":{' }
  const apart = { known: 10, told: 20, boot_id: 'boot', file: 'file' }
  writeCursor(path, snapshot, { acked: 500, begin: 300, apart })
  const before = readCursor(path, journal)
  assert.deepEqual(before?.apart, apart)
  dropApart(path)
  const { apart: _, ...others } = before!
  assert.deepEqual(readCursor(path, journal), others)
  const text = readFileSync(path, 'utf8')
  dropApart(path)
  assert.equal(readFileSync(path, 'utf8'), text)
})

test('nothing is dropped if there is no cursor', (t) => {
  const path = join(tempDir(t), 'cursor.json')
  dropApart(path)
  assert.equal(readCursor(path, journal), undefined)
})
