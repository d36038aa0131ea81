import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { createServer, type RequestListener, type Server } from 'node:http'
import { createServer as createSecureServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { UpdateFailure } from '../../../../src/update/failure.ts'
import { fetchPackument, fetchTarball } from '../../../../src/update/fetch/registry.ts'
import { certificates } from '../../../support/certificates.ts'
import { tempDir } from '../../../support/temp.ts'

async function listening(t: TestContext, listener: RequestListener): Promise<string> {
  return hostOf(t, createServer(listener))
}

async function hostOf(t: TestContext, server: Server): Promise<string> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.after(() => void server.close())
  return `127.0.0.1:${(server.address() as AddressInfo).port}`
}

test('a failed download is repeated, and credentials for one host are not sent to another host', async (t) => {
  const heard: string[] = []
  const note = (name: string, authorization: string | undefined) => heard.push(`${name}: ${authorization}`)
  const storage = await listening(t, ({ headers }, response) => {
    note('storage', headers.authorization)
    response.end('a package')
  })
  const files = await listening(t, ({ headers, url }, response) => {
    note('files', headers.authorization)
    if (url === '/a.tgz') response.writeHead(302, { location: '/moved.tgz' }).end()
    else response.writeHead(307, { location: `http://${storage}/a.tgz?signed` }).end()
  })
  let answers = 0
  const registry = await listening(t, ({ headers }, response) => {
    note('registry', headers.authorization)
    response.writeHead(answers++ === 0 ? 503 : 302, { location: `http://${storage}/a.tgz` }).end()
  })
  const HOME = tempDir(t)
  const path = join(HOME, 'package.tgz')
  const lines = [registry, files, storage].map((host, number) => `//${host}/:_authToken=${number}`)
  writeFileSync(join(HOME, '.npmrc'), lines.join('\n'))
  const fetched = async (tarball: string) => {
    const release = { name: 'a', version: '1.0.0', dist: { integrity: '', tarball } }
    const env = { HOME, npm_config_globalconfig: '/nowhere' }
    const { signal } = new AbortController()
    await fetchTarball(release, path, {
      package: 'a',
      registry: `http://${registry}`,
      cwd: HOME,
      env,
      signal,
    })
    assert.equal(readFileSync(path, 'utf8'), 'a package')
    return heard.splice(0)
  }
  assert.deepEqual(await fetched(`http://${registry}/a.tgz`), [
    'registry: Bearer 0',
    'registry: Bearer 0',
    'storage: undefined',
  ])
  assert.deepEqual(await fetched(`http://${files}/a.tgz`), [
    'files: Bearer 1',
    'files: Bearer 1',
    'storage: undefined',
  ])
})

test('a failed request is repeated after the pause that the registry requests', async (t) => {
  const asks = ['7', '3600', undefined]
  const registry = await listening(t, (_request, response) => {
    const after = asks.shift()
    if (after !== undefined) response.writeHead(503, { 'retry-after': after }).end()
    else response.end(JSON.stringify({ 'dist-tags': { latest: '1.0.0' }, versions: { '1.0.0': 'it' } }))
  })
  const pauses: (number | undefined)[] = []
  const { setTimeout } = globalThis
  t.mock.method(globalThis, 'setTimeout', (done: () => void, ms?: number) => {
    if (ms !== undefined && ms >= 1000 && ms <= 30_000) {
      pauses.push(ms)
      return setTimeout(done, 1)
    }
    return setTimeout(done, ms)
  })
  const [, found] = await asked(t, `http://${registry}`, { npm_config_fetch_retries: '2' })
  assert.equal(found, 'it')
  assert.deepEqual(pauses, [7000, 30_000])
})

test("a registry's response is limited in length and in number of values", async (t) => {
  let answer = ''
  const registry = await listening(t, (_request, response) => response.end(answer))
  const asked = (more: string, versions: object = {}) => {
    const facts = JSON.stringify({
      'dist-tags': { latest: '1.0.0' },
      versions: { '1.0.0': 'it', ...versions },
    })
    answer = `${facts.slice(0, -1)},"more":${more}}`
    const { signal } = new AbortController()
    const HOME = tempDir(t)
    const source = { package: 'a', registry: `http://${registry}`, cwd: HOME, signal }
    return fetchPackument('latest', { ...source, env: { HOME, npm_config_globalconfig: '/nowhere' } })
  }
  const many = Object.fromEntries(
    Array.from({ length: 3000 }, (_, n) => [`0.0.${n}`, { dependencies: Array(80).fill('a-package@1.0.0') }]),
  )
  assert.equal((await asked('[]', many))[1], 'it')
  const noRegistry = (error: unknown) =>
    error instanceof UpdateFailure && /does not answer like an npm registry/.test(error.message)
  const levels = 10_000
  const tooMuch = [
    `[${Array(400_000).fill('{}')}]`,
    `{${Array.from({ length: 400_000 }, (_, n) => `"${n}":[]`)}}`,
    '['.repeat(levels) + ']'.repeat(levels),
  ]
  for (const more of tooMuch) await assert.rejects(asked(more), noRegistry)
})

/** Returns the metadata of a package from the given registry. */
async function asked(t: TestContext, registry: string, env: NodeJS.ProcessEnv, npmrc = '') {
  const HOME = tempDir(t)
  writeFileSync(join(HOME, '.npmrc'), npmrc)
  const { signal } = new AbortController()
  const all = { HOME, npm_config_globalconfig: '/nowhere', npm_config_fetch_retries: '0', ...env }
  return fetchPackument('latest', { package: 'a', registry, cwd: HOME, env: all, signal })
}

test('a proxy gets ordinary requests instead of CONNECT for a registry without TLS', async (t) => {
  const facts = JSON.stringify({ 'dist-tags': { latest: '1.0.0' }, versions: { '1.0.0': 'it' } })
  const heard: unknown[] = []
  const answer: RequestListener = ({ method, url, headers }, response) => {
    heard.push([method, url, headers.host, headers.authorization, headers['proxy-authorization']])
    const path = '/npm/a?moved'
    if (url?.endsWith(path)) response.end(facts)
    else response.writeHead(302, { location: path }).end()
  }
  const { certificate, key, authority } = certificates(tempDir(t), ['127.0.0.1'])
  const secure = createSecureServer({ cert: readFileSync(certificate), key: readFileSync(key) }, answer)
  const proxies = [
    `http://me:100%25@${await hostOf(t, createServer(answer))}`,
    `https://me:100%25@${await hostOf(t, secure)}`,
  ]
  const registry = 'http://registry.invalid:8080/npm'
  const basic = (text: string) => `Basic ${Buffer.from(text).toString('base64')}`
  const token = '//registry.invalid:8080/npm/:_authToken=t'
  for (const http_proxy of proxies) {
    const [, found] = await asked(t, registry, { http_proxy, SSL_CERT_FILE: authority }, token)
    assert.equal(found, 'it')
    assert.deepEqual(
      heard.splice(0),
      ['a', 'a?moved'].map((path) => [
        'GET',
        `${registry}/${path}`,
        'registry.invalid:8080',
        'Bearer t',
        basic('me:100%'),
      ]),
    )
  }
  await asked(t, 'http://you:word@registry.invalid/npm', { http_proxy: proxies[0] })
  assert.deepEqual(heard[0], [
    'GET',
    'http://registry.invalid/npm/a',
    'registry.invalid',
    basic('you:word'),
    basic('me:100%'),
  ])
  // A proxy with a certificate of an unknown authority receives nothing.
  heard.length = 0
  await assert.rejects(
    asked(t, registry, { http_proxy: proxies[1] }, token),
    /authority that this system does not know/,
  )
  assert.deepEqual(heard, [])
})

test('an unusable proxy is reported with the setting that names it', async (t) => {
  const refusing = await listening(t, (_request, response) => response.writeHead(407).end())
  const failed = async (registry: string, env: NodeJS.ProcessEnv, npmrc?: string) =>
    asked(t, registry, env, npmrc).then(
      () => assert.fail(),
      ({ error }: UpdateFailure) => error,
    )
  const socks = await failed(
    'https://registry.invalid',
    { https_proxy: 'http://a' },
    'https-proxy=socks5://b:1\n',
  )
  assert.match(socks.message, /socks5:\/\/b:1 cannot be used: only http: and https: are supported/)
  assert.match(
    socks.remedy!,
    /^Set https-proxy in \/.*\/\.npmrc to http:\/\/HOST:PORT, or name this host in NO_PROXY\.$/,
  )
  const byVariable = await failed('http://registry.invalid', { npm_config_proxy: 'socks5://b:1' })
  assert.match(byVariable.remedy!, /^Set npm_config_proxy to /)
  const closed = await failed('http://registry.invalid', {}, `proxy=http://${refusing}`)
  assert.match(closed.message, /^The proxy 127\.0\.0\.1:\d+ .* requires a username and password\.$/)
  assert.match(
    closed.remedy!,
    /^Add the username and password to the proxy's address, which the daemon reads from proxy in \/.*\.npmrc\.$/,
  )
  const gone = await failed('https://registry.invalid', { https_proxy: 'http://127.0.0.1:1' })
  assert.match(gone.message, /through the proxy 127\.0\.0\.1:1: nothing listens there/)
  assert.match(gone.remedy!, /and https_proxy of the daemon/)
})

test('if a registry denies access, the error names the unset variable that .npmrc uses for the token', async (t) => {
  let status = 401
  const registry = await listening(t, (_request, response) => response.writeHead(status).end())
  const npmrc = `//${registry}/:_authToken=\${NPM_TOKEN}`
  const failure = async (env: NodeJS.ProcessEnv = {}) => {
    const found = await asked(t, `http://${registry}`, env, npmrc).catch((error: UpdateFailure) => error)
    assert.ok(found instanceof UpdateFailure)
    return found.error
  }
  const denied = await failure()
  assert.match(
    denied.message,
    /denies access to this machine \(HTTP 401\)\. \S+\.npmrc uses \$\{NPM_TOKEN\}, which is not set, for \/\/\S+:_authToken\.$/,
  )
  assert.equal(denied.remedy, 'Set NPM_TOKEN in the environment of the daemon.')
  assert.match((await failure({ NPM_TOKEN: 'wrong' })).remedy ?? '', /^Put a token for it into/)
  status = 500
  assert.doesNotMatch((await failure()).message, /NPM_TOKEN/)
})
