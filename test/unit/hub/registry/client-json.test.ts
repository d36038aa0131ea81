import assert from 'node:assert/strict'
import { test } from 'node:test'
import { jsonParts, shown, shownPieces } from '../../../../src/hub/registry/client-json.ts'

test('a long answer is built in pieces, and its content is unchanged', async () => {
  const characters = 'x\u{1f600}'.repeat(300_000)
  const object = {
    events: [{ text: '\u202e'.repeat(1_000_000) }, { text: characters }, {}],
    none: [],
    next: '"',
  }
  let turns = 0
  let over = false
  const count = () => {
    turns++
    if (!over) setImmediate(count)
  }
  setImmediate(count)
  const answer = await shown(jsonParts(object))
  over = true
  assert.deepEqual(JSON.parse(answer.toString()), object)
  assert.ok(turns >= 5, String(turns))
})

test('a list is written entry by entry, so that the whole list does not have to fit into a string', () => {
  function* entries() {
    yield { n: 1 }
    yield { n: 2 }
  }
  assert.deepEqual(
    [...jsonParts({ list: entries(), more: true })],
    ['{"list":', '[{"n":1}', ',{"n":2}', ']', ',"more":', 'true', '}'],
  )
})

test('the text of each machine is a separate piece, and so is the text after the last machine', async () => {
  const machines = ['m', 'n'].map((machine_id) => ({ machine_id }))
  const pieces = await shownPieces(jsonParts({ machines, enrolled: [{ name: 'build-7' }] }))
  assert.deepEqual(pieces.map(String), [
    '{"machines":',
    '[{"machine_id":"m"}',
    ',{"machine_id":"n"}',
    '],"enrolled":[{"name":"build-7"}]}',
  ])
})
