import assert from 'node:assert/strict'
import { get, type IncomingHttpHeaders } from 'node:http'
import { test } from 'node:test'
import { gunzipSync } from 'node:zlib'
import { Stage } from '../support/stage.ts'

/** Maximum size of everything that a browser needs to show its first page, over the wire, in bytes. */
const MOST_BYTES = 120_000

interface Answer {
  status: number | undefined
  headers: IncomingHttpHeaders
  body: Buffer
  /** Size of the whole answer with its headers, in bytes. */
  wire: number
}

/** Sends a request as a browser does, on its own connection. */
const ask = (url: string, headers: Record<string, string> = {}) =>
  new Promise<Answer>((resolve, reject) => {
    const request = get(url, { agent: false, headers: { 'accept-encoding': 'gzip, br', ...headers } })
    request.on('error', reject)
    request.on('response', async (response) => {
      const body = Buffer.concat(await response.toArray())
      const { statusCode: status, headers, socket } = response
      resolve({ status, headers, body, wire: socket.bytesRead })
    })
  })

test('the files of a first page are small, compressed, and kept by the browser', async (t) => {
  const stage = await Stage.open(t)
  await stage.hub()
  const page = await ask(`${stage.hubUrl}/`)
  const html = gunzipSync(page.body).toString()
  const named = (pattern: RegExp) => [...html.matchAll(pattern)].map(([, path]) => path!)
  const agentPage = named(/name="agent-page" content="([^"]+)"/g)[0]!.split(' ')
  const files = [...named(/(?:src|href)="([^"]+)"/g), ...agentPage]
  assert.ok(files.length > 7, files.join())

  let bytes = page.wire
  for (const path of files) {
    const answer = await ask(`${stage.hubUrl}/${path}`)
    const { etag, 'cache-control': cache = '', 'content-encoding': encoding } = answer.headers
    assert.deepEqual([answer.status, encoding], [200, 'gzip'], path)
    assert.equal(/immutable/.test(cache), path.startsWith('assets/'), `${path}: ${cache}`)
    const again = await ask(`${stage.hubUrl}/${path}`, { 'if-none-match': etag! })
    assert.deepEqual([again.status, again.body.length], [304, 0], path)
    bytes += answer.wire
  }
  assert.ok(bytes <= MOST_BYTES, `a first page needs ${bytes} bytes`)
  assert.equal((await ask(`${stage.hubUrl}/`, { 'if-none-match': page.headers.etag! })).status, 304)
})
