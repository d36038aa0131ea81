import assert from 'node:assert/strict'
import { Writable } from 'node:stream'
import { test } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import { GatheredWrites } from '../../../src/wire/gathered-writes.ts'

/** Returns gathered writes of at most `bytes`, and a function that sends a frame. */
function gathering(bytes: number) {
  const written: string[] = []
  const stream = new Writable({
    decodeStrings: false,
    write: (chunk, _encoding, done) => {
      written.push(String(chunk))
      done()
    },
    writev: (chunks, done) => {
      written.push(chunks.map(({ chunk }) => String(chunk)).join(''))
      done()
    },
  })
  const writes = new GatheredWrites(stream, bytes)
  const send = (text: string) => {
    writes.hold()
    stream.write(text)
    writes.onFrame()
  }
  return { writes, send, written }
}

test('the frames of one turn are written together at its end', async () => {
  const { send, written } = gathering(100)
  for (const frame of ['a', 'b', 'c']) send(frame)
  assert.deepEqual(written, [])
  await turn()
  send('d')
  await turn()
  assert.deepEqual(written, ['abc', 'd'])
})

test('frames are written before the end of the turn when they are large enough', async () => {
  const { send, written } = gathering(4)
  for (const frame of ['aa', 'bb', 'c']) send(frame)
  assert.deepEqual(written, ['aabb'])
  send('ddd')
  assert.deepEqual(written, ['aabb', 'cddd'])
  await turn()
  assert.deepEqual(written, ['aabb', 'cddd'])
})

test('frames can be written at once before a connection ends', async () => {
  const { writes, send, written } = gathering(100)
  send('a')
  send('b')
  writes.release()
  assert.deepEqual(written, ['ab'])
})
