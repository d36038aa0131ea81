import assert from 'node:assert/strict'
import { test } from 'node:test'
import { lineOf } from '../../../../src/hub/store/journal-line.ts'
import { type Append, DatabaseLines } from '../../../../src/hub/store/postgres/database-lines.ts'

test('after an append has failed, no later line is stored, because it would leave a gap', async () => {
  const appends: Append[] = []
  const lines = new DatabaseLines('a@1', { size: 0, have: 0 }, async (append) => {
    appends.push(append)
    if (append.head.to === 20) throw new Error('the store is closed')
  })
  const add = (from: number, to: number) => lines.add(lineOf({ from, to, shift: 0 }, []))
  add(0, 10)
  await lines.flush()
  add(10, 20)
  await assert.rejects(lines.flush(), { message: 'the store is closed' })
  add(20, 30)
  await assert.rejects(lines.flush(), { message: 'the store is closed' })
  assert.deepEqual(
    appends.map(({ have, head }) => [have, head.to]),
    [
      [0, 10],
      [10, 20],
    ],
  )
})
