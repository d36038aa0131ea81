import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import { test } from 'node:test'
import { WebSocket } from 'ws'
import { Tunnel } from '../../../src/platform/tunnel.ts'

test('a proxy that accepts a connection and never answers is abandoned and named', async (t) => {
  const proxy = createServer()
  t.after(() => proxy.close())
  await once(proxy.listen(0, '127.0.0.1'), 'listening')
  const address = `127.0.0.1:${(proxy.address() as AddressInfo).port}`
  const left = once(proxy, 'connection').then(([socket]) => once(socket.resume(), 'close'))
  const socket = new WebSocket('wss://server.example', { agent: new Tunnel(`http://${address}`, {}, 100) })
  const failure = await new Promise<Error>((resolve) => socket.once('error', resolve))
  assert.equal(failure.message, `the proxy ${address} does not answer`)
  await left
})
