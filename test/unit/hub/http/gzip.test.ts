import assert from 'node:assert/strict'
import { test } from 'node:test'
import { gunzipSync } from 'node:zlib'
import { Hono } from 'hono'
import { acceptsGzip, gzip } from '../../../../src/hub/http/gzip.ts'

test('compressed pieces are one text, and no piece shortens another', async () => {
  const random = Buffer.from(crypto.getRandomValues(new Uint8Array(10_000)))
  const whole = await gzip([random, random])
  assert.deepEqual(gunzipSync(whole), Buffer.concat([random, random]))
  assert.ok(whole.length > 2 * random.length)
})

test('answers are compressed only for clients that accept gzip', async () => {
  const app = new Hono().get('/', (c) => c.text(String(acceptsGzip(c))))
  const accepted = async (header: string) =>
    (await app.request('/', { headers: { 'accept-encoding': header } })).text()
  for (const header of ['gzip', 'br, GZIP;q=0.5', 'deflate, gzip ; q=1.0', 'gzip;q=0.001'])
    assert.equal(await accepted(header), 'true', header)
  for (const header of ['', 'br', 'identity', 'gzip;q=0', 'gzip;q=0.000', 'xgzip', 'gzip-x'])
    assert.equal(await accepted(header), 'false', header)
})
