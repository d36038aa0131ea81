import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import { describe, test } from 'node:test'
import { send, textOf } from '../../../src/platform/http.ts'
import type { Cleanup } from '../../support/temp.ts'

/** Opens a server that answers each request with this text, and then sends nothing more. */
async function answering(t: Cleanup, text: string): Promise<string> {
  const server = createServer((socket) => {
    socket.on('error', () => {})
    socket.once('data', () => socket.write(text))
    t.after(() => void socket.destroy())
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => void server.close())
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/`
}

const HEAD = 'HTTP/1.1 200 OK\r\n'

describe('a request', () => {
  test('a request fails if the server stops sending before the end of the answer’s headers or body', async (t) => {
    for (const text of ['', HEAD, `${HEAD}content-length: 10\r\n\r\nhalf`]) {
      const url = await answering(t, text)
      const answer = send(url, { timeout: 100 }).then((response) => textOf(response, { most: 100 }))
      await assert.rejects(answer, { name: 'Silence', message: 'no data for 0.1 s' }, text)
    }
  })

  test('a request fails if its answer is longer than accepted or announced', async (t) => {
    const url = await answering(t, `${HEAD}content-length: 11\r\n\r\n${'x'.repeat(11)}`)
    const read = async (most: number) => textOf(await send(url, { agent: false }), { most })
    assert.equal(await read(11), 'x'.repeat(11))
    await assert.rejects(read(10), { name: 'TooLong', message: 'its answer is longer than 10 bytes' })
    const more = await answering(t, `${HEAD}content-length: 1\r\n\r\n${'x'.repeat(11)}`)
    await assert.rejects(async () => textOf(await send(more, { agent: false }), { most: 100 }), /Parse Error/)
  })

  test('an aborted request fails with the reason of the abort, no matter when it was aborted', async (t) => {
    for (const text of ['', `${HEAD}content-length: 10\r\n\r\nhalf`]) {
      const url = await answering(t, text)
      const abort = new AbortController()
      const { signal } = abort
      const answer = send(url, { signal }).then((response) => {
        abort.abort(new Error('enough'))
        return textOf(response, { most: 100, signal })
      })
      if (text === '') abort.abort(new Error('enough'))
      await assert.rejects(answer, (error: Error) => /enough/.test(`${error.message} ${error.cause}`))
    }
  })
})
