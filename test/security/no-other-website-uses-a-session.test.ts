// Needs: openssl
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { request } from 'node:https'
import { test } from 'node:test'
import { trustedProxies } from '../../src/config/trusted-proxies.ts'
import { startHub } from '../../src/hub/hub.ts'
import { createLogger } from '../../src/platform/log.ts'
import { certificates } from '../support/certificates.ts'
import { TestHub } from '../support/hub.ts'
import { ask, exchange, makeToken, signInWithKey, statusOf } from '../support/sessions.ts'
import { Stage } from '../support/stage.ts'
import { tempDir } from '../support/temp.ts'

test('a request with a session is refused if another website has caused it', async (t) => {
  const hub = await TestHub.open(t)
  const { headers } = await signInWithKey(hub, hub.key('user'))
  const own = new URL(hub.url)
  const cases: [number, Record<string, string>][] = [
    [200, {}],
    [200, { 'sec-fetch-site': 'same-origin' }],
    [200, { 'sec-fetch-site': 'same-origin', origin: own.origin }],
    [200, { origin: own.origin }],
    // A proxy has replaced the host, and the browser has said that the page is the hub's own.
    [200, { 'sec-fetch-site': 'same-origin', origin: 'https://hub.example.com' }],
    [200, { origin: 'https://hub.example.com', 'x-forwarded-host': 'hub.example.com' }],
    [200, { origin: 'https://hub.example.com', 'x-forwarded-host': 'hub.example.com:443, inner' }],
    [403, { 'sec-fetch-site': 'cross-site' }],
    [403, { 'sec-fetch-site': 'cross-site', origin: own.origin }],
    // Another port of the same host.
    [403, { 'sec-fetch-site': 'same-site' }],
    [403, { origin: `http://${own.hostname}:${Number(own.port) + 1}` }],
    [403, { origin: 'https://evil.example' }],
    [403, { origin: 'null' }],
    [403, { origin: 'https://evil.example', 'x-forwarded-host': 'hub.example.com' }],
  ]
  for (const [status, more] of cases)
    assert.equal(
      await statusOf(hub, '/api/agents', { headers: { ...headers, ...more } }),
      status,
      JSON.stringify(more),
    )
})

test('another website cannot sign a browser in, and may not read any answer', async (t) => {
  const hub = await TestHub.open(t)
  const { token } = await makeToken(hub)
  const foreigners: Record<string, string>[] = [
    { 'sec-fetch-site': 'cross-site' },
    { origin: 'https://evil.example' },
  ]
  for (const foreign of foreigners) assert.equal((await exchange(hub, token, foreign)).status, 403)
  assert.equal((await exchange(hub, token, { 'sec-fetch-site': 'same-origin' })).status, 201)
  const preflight = await ask(hub, '/api/agents', {
    method: 'OPTIONS',
    headers: {
      origin: 'https://evil.example',
      'access-control-request-method': 'GET',
      'access-control-request-headers': 'x-fomular-session',
    },
  })
  assert.ok(preflight.status >= 400)
  for (const name of preflight.headers.keys()) assert.doesNotMatch(name, /^access-control-/)
})

test('a browser keeps no answer after the person has signed out', async (t) => {
  const hub = await TestHub.open(t)
  const { headers } = await signInWithKey(hub, hub.key('user'))
  for (const path of ['/api/me', '/api/sessions', '/api/keys', '/api/audit', '/api/agents/a/events'])
    assert.equal((await ask(hub, path, { headers })).headers.get('cache-control'), 'no-store', path)
})

test('no website can frame the console, and the console loads and runs only files of the hub', async (t) => {
  // Only the built program contains the console.
  const stage = await Stage.open(t)
  await stage.hub()
  const answer = await fetch(`${stage.hubUrl}/`)
  assert.equal(answer.status, 200)
  const { headers } = answer
  const page = await answer.text()
  assert.doesNotMatch(page, /<script(?![^>]* src=)|<style| style=| on\w+=|https?:/)
  const policy = new Map(
    (headers.get('content-security-policy') ?? '').split('; ').map((each) => {
      const [name = '', ...values] = each.split(' ')
      return [name, values.join(' ')] as const
    }),
  )
  assert.equal(policy.get('default-src'), "'none'")
  assert.equal(policy.get('frame-ancestors'), "'none'")
  assert.equal(policy.get('base-uri'), "'none'")
  assert.equal(policy.get('form-action'), "'none'")
  for (const name of ['script-src', 'style-src', 'connect-src']) assert.equal(policy.get(name), "'self'")
  assert.doesNotMatch([...policy.values()].join(' '), /unsafe|https?:|\*/)
  assert.equal(policy.get('require-trusted-types-for'), "'script'")
  assert.equal(policy.get('trusted-types'), 'fomular-worker fomular-highlighter')
  assert.equal(headers.get('x-frame-options'), 'DENY')
  assert.equal(headers.get('referrer-policy'), 'no-referrer')
  assert.equal(headers.get('x-content-type-options'), 'nosniff')
  assert.equal(headers.get('cross-origin-opener-policy'), 'same-origin')
})

test('scripts cannot read the cookie of a session, and other websites cannot make a browser send it', async (t) => {
  const hub = await TestHub.open(t, { trustedProxies: trustedProxies(['127.0.0.0/8'], {}) })
  const attributes = ({ setCookie }: { setCookie: string }) => setCookie.split('; ').slice(1)
  const plain = await signInWithKey(hub, hub.key('user'))
  assert.match(plain.cookie, new RegExp(`^fomular_session_${plain.session.session_id}=[\\w-]{43}$`))
  assert.deepEqual(attributes(plain), ['Path=/', 'HttpOnly', 'SameSite=Strict', 'Max-Age=7776000'])
  const proxied = await signInWithKey(hub, hub.key('user'), { 'x-forwarded-proto': 'https' })
  assert.deepEqual(attributes(proxied), [
    'Path=/',
    'HttpOnly',
    'SameSite=Strict',
    'Max-Age=7776000',
    'Secure',
  ])
  const untrusting = await TestHub.open(t)
  const claimed = await signInWithKey(untrusting, untrusting.key('user'), { 'x-forwarded-proto': 'https' })
  assert.deepEqual(attributes(claimed), ['Path=/', 'HttpOnly', 'SameSite=Strict', 'Max-Age=7776000'])
})

test('over TLS, the cookie of a session is sent only over TLS', async (t) => {
  const dir = tempDir(t)
  const { certificate, key } = certificates(dir, ['127.0.0.1'])
  const hub = await startHub({
    dir,
    host: '127.0.0.1',
    port: 0,
    tls: { cert: certificate, key },
    logger: createLogger({ level: 'silent', stderr: 'none' }),
  })
  t.after(() => hub.close())
  const authorization = `Bearer ${readFileSync(hub.userKeyPath, 'utf8').trim()}`
  const cookies = await new Promise<string[] | undefined>((resolve, reject) =>
    request(
      `${hub.url}/api/sessions`,
      { method: 'POST', headers: { authorization }, rejectUnauthorized: false },
      (answer) => {
        answer.resume()
        resolve(answer.headers['set-cookie'])
      },
    )
      .on('error', reject)
      .end(),
  )
  assert.match(cookies?.[0] ?? '', /; Path=\/; HttpOnly; SameSite=Strict; Max-Age=7776000; Secure$/)
})
