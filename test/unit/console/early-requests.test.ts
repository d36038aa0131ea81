import assert from 'node:assert/strict'
import { afterEach, test } from 'node:test'
import { EarlyRequests } from '../../../src/console/session/early-requests.ts'

const real = globalThis.fetch
afterEach(() => {
  globalThis.fetch = real
})

const SHOWN = { 'X-Fomular-Session': 'id.secret' }

/** Replaces `fetch`. @returns the requests that were sent */
function catchRequests() {
  const sent: { url: string; options: RequestInit }[] = []
  globalThis.fetch = async (url, options = {}) => {
    sent.push({ url: String(url), options })
    return new Response(String(sent.length))
  }
  return sent
}

test('an early answer is taken once, by the same request with the same session', async () => {
  const sent = catchRequests()
  const early = new EarlyRequests()
  early.send('http://hub/api/me', SHOWN)
  const ask = async (url: string, method: string, headers: Record<string, string>) =>
    (await early.fetch(url, { method, headers })).text()
  assert.equal(await ask('http://hub/api/me', 'GET', { 'X-Fomular-Session': 'id.other' }), '2')
  assert.equal(await ask('http://hub/api/me', 'DELETE', SHOWN), '3')
  assert.equal(await ask('http://hub/api/agents', 'GET', SHOWN), '4')
  assert.equal(await ask('http://hub/api/me', 'GET', SHOWN), '1')
  assert.equal(await ask('http://hub/api/me', 'GET', SHOWN), '5')
  assert.deepEqual(new Headers(sent[0]!.options.headers).get('x-fomular-session'), 'id.secret')
})

test('an answer that nobody takes is closed after half a minute', (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] })
  const sent = catchRequests()
  new EarlyRequests().send('http://hub/api/stream', SHOWN)
  t.mock.timers.tick(30_000)
  assert.equal(sent[0]!.options.signal?.aborted, true)
})

test('the taker of an early answer ends its request', async () => {
  const sent = catchRequests()
  const early = new EarlyRequests()
  early.send('http://hub/api/stream', SHOWN)
  const aborter = new AbortController()
  await early.fetch('http://hub/api/stream', { method: 'GET', headers: SHOWN, signal: aborter.signal })
  assert.equal(sent[0]!.options.signal?.aborted, false)
  aborter.abort()
  assert.equal(sent[0]!.options.signal?.aborted, true)
})

test('the taker gets the failure of an early request', async () => {
  globalThis.fetch = () => Promise.reject(new TypeError('no network'))
  const early = new EarlyRequests()
  early.send('http://hub/api/me', SHOWN)
  await assert.rejects(early.fetch('http://hub/api/me', { method: 'GET', headers: SHOWN }), /no network/)
})
