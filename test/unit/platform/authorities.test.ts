import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import type { IncomingMessage } from 'node:http'
import { createServer, get } from 'node:https'
import { type AddressInfo, connect, type Socket } from 'node:net'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { systemAuthorities } from '../../../src/platform/authorities.ts'
import { proxyAgent } from '../../../src/platform/proxy.ts'
import { isCertificate, trust } from '../../../src/platform/trust.ts'
import { certificates } from '../../support/certificates.ts'
import { tempDir } from '../../support/temp.ts'

/**
 * A server with a certificate of a private authority, and a client that returns the server's answer or an
 * error.
 */
async function privateServer(t: TestContext) {
  const dir = tempDir(t)
  const tls = certificates(dir, ['127.0.0.1'])
  const server = createServer(
    { cert: readFileSync(tls.certificate), key: readFileSync(tls.key) },
    (_request, response) => response.end('here'),
  )
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.after(() => server.close())
  const { port } = server.address() as AddressInfo
  const url = `https://127.0.0.1:${port}/`
  const ask = (env: NodeJS.ProcessEnv, ca?: string) =>
    new Promise<string>((resolve) => {
      get(url, { agent: false, ...trust(url, ca, env) }, (response) =>
        response.on('data', (data) => resolve(String(data))),
      ).on('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message))
    })
  return { dir, tls, ask, port, empty: { SSL_CERT_FILE: '/dev/null', SSL_CERT_DIR: dir } }
}

test('a server is trusted only if its certificate authority is in the system’s bundle', async (t) => {
  const { dir, tls, ask, empty } = await privateServer(t)
  assert.match(await ask(empty), /^(UNABLE_TO|SELF_SIGNED)/)
  const bundle = join(dir, 'bundle.crt')
  writeFileSync(bundle, `# Test\n${readFileSync(tls.authority, 'utf8')}`)
  assert.equal(await ask({ ...empty, SSL_CERT_FILE: bundle }), 'here')
  // A named authority is trusted in addition to the system's authorities.
  assert.equal(await ask(empty, readFileSync(tls.authority, 'utf8')), 'here')
  assert.equal(await ask({ ...empty, NODE_EXTRA_CA_CERTS: tls.authority }), 'here')
})

test('in a folder of authorities, only files with hashed names are read, as in OpenSSL', async (t) => {
  const { dir, tls, ask } = await privateServer(t)
  const folder = join(dir, 'certs')
  mkdirSync(folder)
  const env = { SSL_CERT_FILE: '/dev/null', SSL_CERT_DIR: `/nowhere:${folder}` }
  writeFileSync(join(folder, 'ca.crt'), readFileSync(tls.authority))
  assert.match(await ask(env), /^(UNABLE_TO|SELF_SIGNED)/)
  const hash = execFileSync('openssl', ['x509', '-hash', '-noout', '-in', tls.authority], {
    encoding: 'utf8',
  })
  symlinkSync('ca.crt', join(folder, `${hash.trim()}.0`))
  assert.equal(await ask(env), 'here')
})

test('a changed bundle is used from the next connection on', async (t) => {
  const { dir, tls, ask, empty } = await privateServer(t)
  const bundle = join(dir, 'bundle.crt')
  const env = { ...empty, SSL_CERT_FILE: bundle }
  assert.match(await ask(env), /^(UNABLE_TO|SELF_SIGNED)/)
  writeFileSync(bundle, readFileSync(tls.authority))
  assert.equal(await ask(env), 'here')
})

test('a bundle that is broken, missing, endless, or a pipe is skipped, and the reason is reported', async (t) => {
  const { dir, tls, ask, empty } = await privateServer(t)
  const pipe = join(dir, 'pipe')
  execFileSync('mkfifo', [pipe])
  const broken = join(dir, 'broken.crt')
  writeFileSync(broken, '-----BEGIN CERTIFICATE-----\nbm90IG9uZQ==\n-----END CERTIFICATE-----\n')
  const text = join(dir, 'text.crt')
  writeFileSync(text, 'no certificate')
  for (const path of [pipe, text, dir, '/dev/zero', join(dir, 'none')]) {
    const env = { ...empty, SSL_CERT_FILE: path }
    assert.ok(systemAuthorities(env).sources[0]?.problem, path)
    assert.match(await ask(env), /^(UNABLE_TO|SELF_SIGNED)/, path)
  }
  // An unreadable certificate does not affect the other certificates in the file.
  writeFileSync(broken, readFileSync(broken, 'utf8') + readFileSync(tls.authority, 'utf8'))
  const { certificates: found } = systemAuthorities({ ...empty, SSL_CERT_FILE: broken })
  assert.deepEqual(found.map(isCertificate), [false, true])
  assert.equal(await ask({ ...empty, SSL_CERT_FILE: broken }), 'here')
})

test('a folder with too many files is reported', (t) => {
  const dir = tempDir(t)
  const certificate = '-----BEGIN CERTIFICATE-----\nbm90IG9uZQ==\n-----END CERTIFICATE-----\n'
  for (let n = 0; n <= 1000; n++)
    writeFileSync(join(dir, `${n.toString(16).padStart(8, '0')}.0`), certificate)
  const { sources } = systemAuthorities({ SSL_CERT_FILE: '/dev/null', SSL_CERT_DIR: dir })
  assert.equal(sources[1]?.problem, 'only 1000 of its 1001 files are read')
})

test('a proxy that speaks TLS is verified against the same authorities', async (t) => {
  const { tls, port, empty } = await privateServer(t)
  const proxy = createServer({ cert: readFileSync(tls.certificate), key: readFileSync(tls.key) })
  proxy.on('connect', ({ url = '' }: IncomingMessage, near: Socket) => {
    assert.match(url, /^os\.example\.test:/)
    const far = connect(port, '127.0.0.1', () => near.write('HTTP/1.1 200 OK\r\n\r\n'))
    for (const socket of [near, far]) socket.on('error', () => {})
    near.pipe(far).pipe(near)
  })
  await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve))
  t.after(() => proxy.close())
  const through = (env: NodeJS.ProcessEnv) => ({
    ...env,
    HTTPS_PROXY: `https://127.0.0.1:${(proxy.address() as AddressInfo).port}`,
  })
  const target = 'https://os.example.test/'
  const known = { ...empty, SSL_CERT_FILE: tls.authority }
  for (const [env, outcome] of [
    [empty, /^the proxy .* unknown authority/],
    [known, /ALTNAME|altnames/],
  ] as const) {
    const agent = await proxyAgent(target, through(env))
    const error = await new Promise<Error>((resolve) =>
      get(target, { agent: agent!, ...trust(target, '', env) }).on('error', resolve),
    )
    assert.match(error.message, outcome)
  }
})

test('no authority is read for a connection without TLS', () => {
  assert.deepEqual(trust('ws://127.0.0.1:1', '', { SSL_CERT_FILE: '/nowhere' }), {})
})
