import assert from 'node:assert/strict'
import { test } from 'node:test'
import { WebSocket } from 'ws'
import { judgeDaemon } from '../../../src/conformance/daemon/run.ts'
import type { Verdict } from '../../../src/conformance/point.ts'
import { helloOf } from '../../support/light-daemon.ts'
import type { Cleanup } from '../../support/temp.ts'

/** A value that is nested to the maximum depth of a frame. */
const DEEP = `${'['.repeat(900)}${']'.repeat(900)}`

/**
 * A daemon that reconnects after each disconnect, and answers every command with a deeply nested result
 * that changes each time.
 */
function daemonThatNests(t: Cleanup, url: string) {
  const dial = () => {
    socket = new WebSocket(url, { headers: { authorization: 'Bearer a-key' } })
    socket.on('error', () => {})
    socket.on('close', dial)
    socket.on('open', () => socket.send(JSON.stringify(helloOf())))
    socket.on('message', (data) => {
      const text = String(data)
      if (text === '{"type":')
        return socket.send('{"type":"protocol:error","code":"not_json","message":"No."}')
      const { type, nonce, command_id } = JSON.parse(text)
      if (type === 'link:ping') socket.send(JSON.stringify({ type: 'link:pong', nonce }))
      if (command_id === 'conformance-early')
        socket.send('{"type":"protocol:error","code":"unexpected","message":"No."}')
      else if (command_id)
        socket.send(
          `{"type":"${type}:result","command_id":"${command_id}","ok":false,"error":{"code":"unsupported","message":"No."},"n":${++results},"deep":${DEEP}}`,
        )
    })
  }
  let results = 0
  let socket: WebSocket
  dial()
  t.after(() => {
    socket.removeAllListeners('close')
    socket.terminate()
  })
}

test('if deeply nested results change each time, a daemon fails only one point of the conformance check, and the check continues', async (t) => {
  const points = new Map<string, Verdict>()
  await judgeDaemon(
    { port: 0, key: 'a-key', waitMs: 10_000, listening: (url) => daemonThatNests(t, url) },
    (verdict) => points.set(verdict.name, verdict),
  )
  for (const { name, result, detail } of points.values())
    assert.equal(result, name === 'answers-once' ? 'fails' : 'holds', `${name}: ${detail}`)
})
