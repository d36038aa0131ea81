import assert from 'node:assert/strict'
import { test } from 'node:test'
import { HubFailure } from '../../../src/client/hub-failure.ts'
import { CommandIds } from '../../../src/console/agent/command-ids.ts'
import {
  contentOf,
  contentProblem,
  imageType,
  type PromptImage,
} from '../../../src/console/agent/prompt-content.ts'
import { withRemedy } from '../../../src/console/session/with-remedy.ts'
import { Content } from '../../../src/protocol/content.ts'

const image: PromptImage = { type: 'image', media_type: 'image/png', data: 'AAAA' }

test('a prompt is a text, or a text with images, or images alone', () => {
  assert.equal(contentOf({ text: ' \n', images: [] }), undefined)
  assert.equal(contentOf({ text: ' go on\n', images: [] }), ' go on\n')
  assert.deepEqual(contentOf({ text: '', images: [image] }), [image])
  const both = contentOf({ text: 'look', images: [image] })
  assert.deepEqual(both, [{ type: 'text', text: 'look' }, image])
  assert.deepEqual(Content.parse(both), both)
})

test('the content of a file tells its type, even if its name says otherwise', () => {
  const type = (text: string) => imageType(Uint8Array.from(text, (char) => char.charCodeAt(0)))
  assert.equal(type('\x89PNG\r\n\x1a\n…'), 'image/png')
  assert.equal(type('\xff\xd8\xff\xe0'), 'image/jpeg')
  assert.equal(type('GIF89a'), 'image/gif')
  assert.equal(type('RIFF\x01\x02\x03\x04WEBPVP8'), 'image/webp')
  assert.equal(type('<svg xmlns="…">'), undefined)
  assert.equal(type(''), undefined)
})

test('a prompt that the journal could not contain is not sent', () => {
  const big = { ...image, data: 'A'.repeat(16 * 1024 * 1024) }
  assert.equal(contentProblem('short'), undefined)
  assert.equal(contentProblem([{ type: 'text', text: 'look' }, image]), undefined)
  assert.match(contentProblem([big]) ?? '', /about 11 MiB/)
  assert.match(contentProblem('\u0001'.repeat(4 * 1024 * 1024)) ?? '', /too long/)
})

test('a repeat has the same id only after a failure that leaves open what the hub did', async () => {
  let next = 0
  const ids = new CommandIds(() => `c-${++next}`)
  const attempt = async (command: string, error?: Error) => {
    let used = ''
    const request = async (id: string) => {
      used = id
      if (error) throw error
    }
    await ids.send(command, request).catch(() => {})
    return used
  }
  const unclear = () => new HubFailure('unreachable', 'no answer')
  assert.equal(await attempt('one', unclear()), 'c-1')
  assert.equal(await attempt('one', unclear()), 'c-1')
  assert.equal(await attempt('one'), 'c-1')
  assert.equal(await attempt('one'), 'c-2')
  assert.equal(await attempt('one', unclear()), 'c-3')
  assert.equal(await attempt('another'), 'c-4')
  assert.equal(await attempt('one', new HubFailure('refused', 'no')), 'c-5')
  assert.equal(await attempt('one'), 'c-6')
})

test('every command has another id, even on a page that the browser does not consider secure', async (t) => {
  t.mock.method(crypto, 'randomUUID', () => assert.fail('it does not exist'))
  const ids = new CommandIds()
  const id = () => ids.send('one', async (used) => used)
  const [one, other] = [await id(), await id()]
  assert.match(one, /^[0-9a-f]{32}$/)
  assert.notEqual(one, other)
})

test('after an unclear failure, the person learns that a repeat is safe', async () => {
  const ids = new CommandIds(() => 'c-1')
  const failing = ids.send('one', () => Promise.reject(new HubFailure('unreachable', 'No hub answers.')))
  await assert.rejects(failing, { message: 'No hub answers.', remedy: /not done twice/ })
  const advised = withRemedy(new HubFailure('unreachable', 'No hub answers.'))
  assert.match(advised.remedy ?? '', /Check the connection of this device/)
  const again = ids.send('one', () => Promise.reject(advised))
  await assert.rejects(again, { message: 'No hub answers.', remedy: /not done twice/ })
})
