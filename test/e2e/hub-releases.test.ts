import assert from 'node:assert/strict'
import { mkdirSync, writeFileSync } from 'node:fs'
import { request } from 'node:http'
import { join } from 'node:path'
import { test } from 'node:test'
import { TestHub } from '../support/hub.ts'

test('the hub serves only releases, and lets clients resume broken downloads', async (t) => {
  const hub = await TestHub.open(t)
  assert.equal((await fetch(`${hub.url}/install.sh`)).status, 404)
  const dir = join(hub.dir, 'releases/1.2.3')
  mkdirSync(dir, { recursive: true })
  writeFileSync(join(dir, 'program.gz'), 'abcdef')
  writeFileSync(join(hub.dir, 'releases/.hidden'), '')
  writeFileSync(
    join(hub.dir, 'releases/install.sh'),
    "f() {\n  DEFAULT_BASE_URL=''\n  DEFAULT_SERVER_URL=''\n}\nf\n",
  )
  const script = await (await fetch(`${hub.url}/install.sh`)).text()
  assert.equal(
    script,
    `f() {\n  DEFAULT_BASE_URL='${hub.url}/releases'\n  DEFAULT_SERVER_URL='${hub.url}'\n}\nf\n`,
  )
  const get = async (headers: Record<string, string>, path = '/releases/1.2.3/program.gz') => {
    const response = await fetch(hub.url + path, { headers })
    return [response.status, await response.text(), response.headers.get('content-range')]
  }
  assert.deepEqual(await get({}), [200, 'abcdef', null])
  assert.deepEqual(await get({ range: 'bytes=2-' }), [206, 'cdef', 'bytes 2-5/6'])
  assert.deepEqual(await get({ range: 'bytes=6-' }), [416, '', 'bytes */6'])
  assert.deepEqual(await get({ range: 'bytes=2-', 'if-range': '"another"' }), [200, 'abcdef', null])
  const head = await fetch(`${hub.url}/releases/1.2.3/program.gz`, { method: 'HEAD' })
  assert.deepEqual([head.status, head.headers.get('content-length')], [200, '6'])
  for (const path of [
    '/releases/',
    '/releases/1.2.3',
    '/releases/.hidden',
    '/releases/%2e%2e/user.key',
    '/releases//etc/passwd',
  ])
    assert.equal((await get({}, path))[0], 404, path)
  assert.equal(await raw(hub, '/releases/../user.key'), 404)
  for (const host of ["127.0.0.1:1';id;'", '127.0.0.1$(id)', '127.0.0.1`id`', '127.0.0.1/x'])
    assert.match(String(await raw(hub, '/install.sh', host)), /^40[03]$/, host)
  const behind = async (headers: Record<string, string>) =>
    /SERVER_URL='(.*)'/.exec(await (await fetch(`${hub.url}/install.sh`, { headers })).text())?.[1]
  const secure = hub.url.replace('http', 'https')
  assert.equal(await behind({ 'x-forwarded-proto': 'https, http' }), secure)
  assert.equal(
    await behind({ 'x-forwarded-proto': 'HTTPS', 'x-forwarded-prefix': '/fomular/' }),
    `${secure}/fomular`,
  )
  for (const prefix of ["/';id;'", '/$(id)', '//x', '/../x', 'x'])
    assert.equal(await behind({ 'x-forwarded-prefix': prefix }), hub.url, prefix)
})

/** Sends a path and a Host header unchanged. @returns the status */
const raw = (hub: TestHub, path: string, host = 'localhost') =>
  new Promise((resolve, reject) =>
    request({ host: '127.0.0.1', port: hub.port, path, headers: { host } }, (response) => {
      response.resume()
      resolve(response.statusCode)
    })
      .on('error', reject)
      .end(),
  )
