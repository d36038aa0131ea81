import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { test } from 'node:test'
import { Limits } from '../../../src/protocol/index.ts'
import { connectLink, serveGreeted } from '../../support/greeted.ts'
import { ManualClock } from '../../support/manual-clock.ts'
import { until } from '../../support/wait.ts'

const MINUTE = 60_000
const WELCOME = JSON.stringify({ type: 'server:welcome', protocol: { version: 1 } })

test('a daemon retries neither too often nor too rarely, for any retry_after_s that a server sends', async (t) => {
  // The first value is over the maximum of a timer, which would then fire at once.
  for (const [retry_after_s, least, most] of [
    [3_000_000, 24 * 60 * MINUTE, 30 * 60 * MINUTE],
    [0, 900, MINUTE],
    [-5, 900, MINUTE],
    [120, 2 * MINUTE - 100, 3 * MINUTE],
  ] as const) {
    const clock = new ManualClock()
    const refusal = JSON.stringify({ type: 'server:refuse', code: 'busy', message: 'Busy.', retry_after_s })
    const server = await serveGreeted(t, (socket) => socket.send(refusal))
    const link = connectLink(t, server.url, { clock })
    await until(() => link.info().last_error === 'Busy.')
    clock.pass(least)
    await new Promise((resolve) => setTimeout(resolve, 50))
    assert.equal(server.greetings, 1, `tried again within ${least} ms of ${retry_after_s}`)
    clock.pass(most - least)
    await until(() => server.greetings === 2, { what: `another try after ${retry_after_s}` })
  }
})

test('the daemon respects the Retry-After header, in seconds or as a date, for any status', async (t) => {
  for (const [status, header, least] of [
    [503, '120', 2 * MINUTE - 1000],
    [403, (now: number) => new Date(now + 10 * MINUTE).toUTCString(), 10 * MINUTE - 2000],
    [401, 'soon', 5 * MINUTE - 1000],
  ] as const) {
    const clock = new ManualClock()
    const after = typeof header === 'string' ? header : header(clock.now())
    let requests = 0
    const server = createServer()
    server.on('upgrade', (_request, socket) => {
      requests++
      socket.end(`HTTP/1.1 ${status} No\r\nRetry-After: ${after}\r\nContent-Length: 0\r\n\r\n`)
    })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    t.after(() => server.close())
    const url = `ws://127.0.0.1:${(server.address() as AddressInfo).port}`
    const link = connectLink(t, url, { clock })
    await until(() => link.info().last_error?.includes(String(status)), { what: `HTTP ${status}` })
    clock.pass(least)
    await new Promise((resolve) => setTimeout(resolve, 50))
    assert.equal(requests, 1, `tried again too early after ${status} with ${after}`)
    clock.pass(5 * MINUTE)
    await until(() => requests === 2, { what: `another try after ${status}` })
    link.close()
  }
})

test('the daemon soon tries a busy server again, but waits for minutes after an unknown refusal', async (t) => {
  const refusing = (code: string) => JSON.stringify({ type: 'server:refuse', code, message: 'No.' })
  for (const [code, passes, tries] of [
    ['busy', 1000, 2],
    ['a_code_of_tomorrow', 4 * MINUTE, 1],
  ] as const) {
    const clock = new ManualClock()
    const server = await serveGreeted(t, (socket) => socket.send(refusing(code)))
    const link = connectLink(t, server.url, { clock })
    await until(() => link.info().last_error === 'No.')
    clock.pass(passes)
    if (tries === 2) await until(() => server.greetings === 2, { what: 'another try' })
    await new Promise((resolve) => setTimeout(resolve, 50))
    assert.equal(server.greetings, tries, code)
    link.close()
  }
})

test('the daemon does not wait for a server that sends a close frame but does not close the TCP connection', async (t) => {
  const server = await serveGreeted(t, (socket) => {
    const raw = (socket as unknown as { _socket: Socket })._socket
    raw.removeAllListeners('data')
    raw.resume()
    raw.write(Buffer.from([0x88, 0x02, 0x03, 0xe9]))
  })
  const link = connectLink(t, server.url)
  await until(() => link.info().last_error === 'closed with code 1001', { timeoutMs: 10_000 })
})

test('a server that sends pings but does not read takes a bounded amount of memory', async (t) => {
  const server = await serveGreeted(t, (socket) => {
    socket.send(WELCOME)
    socket.pause()
    const ping = JSON.stringify({ type: 'link:ping', nonce: 'x'.repeat(1000) })
    for (let n = 0; n < 90_000; n++) socket.send(ping)
  })
  const link = connectLink(t, server.url)
  await until(() => link.info().last_error === 'the server is not reading (send buffer full)')
})

test('a frame that makes the daemon throw an error ends the link, but not the daemon', async (t) => {
  const server = await serveGreeted(t, (socket) => {
    socket.send(WELCOME)
    socket.send(JSON.stringify({ type: 'agent:ack', offsets: {} }))
  })
  let stumbles = 0
  const onMessage = () => {
    stumbles++
    throw new Error('stumbled')
  }
  connectLink(t, server.url, { onMessage })
  await until(() => server.greetings === 2 && stumbles === 2)
})

test('a server that sends a long frame slowly is not considered silent', async (t) => {
  const clock = new ManualClock()
  let stream: Socket | undefined
  const server = await serveGreeted(t, (socket) => {
    socket.send(WELCOME)
    stream = (socket as unknown as { _socket: Socket })._socket
    // Sends the beginning of a text frame of 65,535 bytes.
    stream.write(Buffer.from([0x81, 0x7e, 0xff, 0xff]))
  })
  const link = connectLink(t, server.url, { clock })
  await until(() => link.isUp)
  for (let passed = 0; passed < MINUTE; passed += 1000) {
    stream!.write(' ')
    await new Promise((resolve) => setTimeout(resolve, 5))
    clock.pass(1000)
  }
  assert.equal(server.greetings, 1)
  clock.pass(Limits.silence_ms)
  await until(() => link.info().last_error === 'the server has gone silent')
})
