import assert from 'node:assert/strict'
import { EventEmitter } from 'node:events'
import type { Duplex } from 'node:stream'
import { test } from 'node:test'
import { WebSocket } from 'ws'
import { MachineConnection } from '../../../../src/hub/machines/machine-connection.ts'
import { createLogger } from '../../../../src/platform/log.ts'
import { Limits } from '../../../../src/protocol/index.ts'
import { helloOf } from '../../../support/light-daemon.ts'
import { ManualClock } from '../../../support/manual-clock.ts'
import { until } from '../../../support/wait.ts'

test('a machine that sends a long frame slowly is not considered silent', async () => {
  const clock = new ManualClock()
  const stream = new EventEmitter()
  let [welcomed, ended] = [false, false]
  const socket = Object.assign(new EventEmitter(), {
    readyState: WebSocket.OPEN,
    bufferedAmount: 0,
    send() {},
    ping() {},
    terminate() {
      ended = true
    },
  })
  const handlers = {
    onHello: async () => ({ offsets: {} }),
    onWelcomed() {
      welcomed = true
    },
    onMessage() {},
    onGone() {},
  }
  const key = { sha256: 'k', address: '127.0.0.1', isAcceptedFor: async () => true, onHello() {} }
  const logger = createLogger({ level: 'silent', stderr: 'none' })
  new MachineConnection(socket as unknown as WebSocket, stream as unknown as Duplex, {
    handlers,
    key,
    clock,
    logger,
  })
  socket.emit('message', Buffer.from(JSON.stringify(helloOf())), false)
  await until(() => welcomed)
  for (let passed = 0; passed < 4 * Limits.silence_ms; passed += Limits.heartbeat_ms) {
    clock.pass(Limits.heartbeat_ms)
    stream.emit('data', Buffer.alloc(1))
  }
  assert.equal(ended, false)
  for (let passed = 0; passed <= Limits.silence_ms; passed += Limits.heartbeat_ms)
    clock.pass(Limits.heartbeat_ms)
  assert.equal(ended, true)
})
