import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type AddressInfo, connect as connectTcp, createServer } from 'node:net'
import { test } from 'node:test'
import { WebSocketServer } from 'ws'
import { send } from '../../../src/cli/client/http.ts'
import { ServerConnection } from '../../../src/link/server-connection.ts'
import { systemClock } from '../../../src/platform/clock.ts'
import { createLogger } from '../../../src/platform/log.ts'
import { proxyAgent } from '../../../src/platform/proxy.ts'
import { helloOf } from '../../support/light-daemon.ts'
import type { Cleanup } from '../../support/temp.ts'
import { until } from '../../support/wait.ts'

const SERVER = 'ws://os.example.com'

/** Opens a proxy that answers CONNECT with this text, or forwards every connection to this port. */
async function proxy(t: Cleanup, answer: string | number) {
  const asked: string[] = []
  const server = createServer((client) => {
    client.on('error', () => {})
    client.once('data', (data) => {
      asked.push(data.toString())
      if (typeof answer === 'string') return client.end(answer)
      const server = connectTcp(answer, '127.0.0.1')
      server.on('error', () => {})
      client.write('HTTP/1.1 200 Connection established\r\n\r\n')
      client.pipe(server).pipe(client)
    })
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => void server.close())
  const host = `127.0.0.1:${(server.address() as AddressInfo).port}`
  return { host, asked, end: () => server.close() }
}

function link(t: Cleanup, ALL_PROXY: string) {
  const refusals: unknown[] = []
  const dialed = new ServerConnection({
    url: SERVER,
    key: 'secret-key',
    userAgent: 'test',
    clock: systemClock,
    random: () => 0.999,
    logger: createLogger({ level: 'silent', stderr: 'none' }),
    way: async () => {
      const agent = await proxyAgent(SERVER, { ALL_PROXY })
      return agent ? { agent } : {}
    },
  })
  dialed.events.on('refused', (refusal) => refusals.push(refusal))
  t.after(() => dialed.close())
  dialed.start({ hello: () => helloOf(), onWelcome: () => [], onMessage: () => [] })
  return { dialed, refusals }
}

const head = (status: string) => `HTTP/1.1 ${status}\r\nContent-Length: 0\r\n\r\n`

test('any answer of a proxy to CONNECT is attributed to the proxy instead of the server', async (t) => {
  for (const [answer, said] of [
    [head('401 Unauthorized'), 'refuses the connection (HTTP 401)'],
    [head('403 Forbidden by proxy policy'), 'refuses the connection (HTTP 403)'],
    [head('407 Proxy Authentication Required'), 'asks for a name and password (HTTP 407)'],
    [head('503 Service Unavailable'), 'refuses the connection (HTTP 503)'],
    [head('302 Found'), 'refuses the connection (HTTP 302)'],
    ['SSH-2.0-OpenSSH_9.6\r\n\r\n', 'does not speak HTTP'],
  ] as const) {
    const { host, asked } = await proxy(t, answer)
    const { dialed, refusals } = link(t, `http://name:pass@${host}`)
    await until(() => dialed.info().last_error !== undefined)
    assert.equal(dialed.info().last_error, `the proxy ${host} ${said}`)
    // The answer is not a refusal of the key, and the daemon soon tries again, as after any failure of the
    // network.
    assert.deepEqual(refusals, [])
    await until(() => asked.length > 1, { what: `another try after ${said}` })
    assert.doesNotMatch(asked.join(), /secret-key/)
    dialed.close()
  }
})

test('the error names an unreachable proxy, and the daemon reaches the server through a working proxy', async (t) => {
  const gone = await proxy(t, head('200 OK'))
  gone.end()
  const { dialed } = link(t, gone.host)
  await until(() => dialed.info().last_error !== undefined)
  assert.match(
    dialed.info().last_error ?? '',
    new RegExp(`^the proxy ${gone.host} cannot be used: nothing listens there`),
  )

  const server = new WebSocketServer({ port: 0, host: '127.0.0.1' })
  await once(server, 'listening')
  t.after(() => {
    for (const socket of server.clients) socket.terminate()
    server.close()
  })
  server.on('connection', (socket) =>
    socket.once('message', () =>
      socket.send(JSON.stringify({ type: 'server:welcome', protocol: { version: 1 } })),
    ),
  )
  const way = await proxy(t, (server.address() as AddressInfo).port)
  const through = link(t, `http://${way.host}`)
  await until(() => through.dialed.isUp)
})

test('an unsupported proxy is refused without showing its password', async (t) => {
  for (const [ALL_PROXY, said] of [
    ['socks5://name:pass@proxy:1080', /socks5:\/\/proxy:1080 .* only http: and https: are supported$/],
    ['socks5h://proxy:1080', /socks5h:/],
    ['http://name:pass@', /is not an address$/],
  ] as const) {
    const { dialed } = link(t, ALL_PROXY)
    await until(() => dialed.info().last_error !== undefined)
    assert.match(dialed.info().last_error ?? '', said)
    assert.doesNotMatch(dialed.info().last_error ?? '', /pass@/)
    dialed.close()
  }
  // A supported proxy takes precedence.
  assert.ok(await proxyAgent('wss://server', { ALL_PROXY: 'socks5://a', HTTPS_PROXY: 'http://b' }))
})

test('the hub client does not treat the answer of a proxy as the answer of a hub', async (t) => {
  const { host } = await proxy(t, head('403 Forbidden'))
  const before = process.env.http_proxy
  process.env.http_proxy = `http://${host}`
  t.after(() => {
    if (before === undefined) delete process.env.http_proxy
    else process.env.http_proxy = before
  })
  await assert.rejects(
    send('http://os.example.com/', { method: 'GET', headers: {}, signal: AbortSignal.timeout(5000) }),
    { name: 'ProxyError', status: 403, message: `the proxy ${host} refuses the connection (HTTP 403)` },
  )
})
