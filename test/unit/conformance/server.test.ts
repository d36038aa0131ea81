import assert from 'node:assert/strict'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import { WebSocketServer } from 'ws'
import { judgeServer } from '../../../src/conformance/server/run.ts'
import type { Cleanup } from '../../support/temp.ts'

type Frame = Record<string, unknown>

const TICK_MS = 100
/**
 * Number of ticks of silence before the server closes a connection: 1 s, not counting the time for which a
 * long frame blocks this process.
 */
const QUIET_TICKS = 10

/** Opens a server that accepts every key, and answers each frame with the result of `answers`. */
async function serverThat(t: Cleanup, answers: (frame: Frame) => object[] | 'close'): Promise<string> {
  const server = new WebSocketServer({ host: '127.0.0.1', port: 0, maxPayload: 64 * 1024 * 1024 })
  await new Promise((resolve) => server.once('listening', resolve))
  t.after(() => {
    for (const client of server.clients) client.terminate()
    server.close()
  })
  server.on('connection', (socket, request) => {
    let quiet = 0
    const watch = setInterval(() => ++quiet >= QUIET_TICKS && socket.close(1000, 'too quiet'), TICK_MS)
    socket.on('close', () => clearInterval(watch))
    request.socket.on('data', () => {
      quiet = 0
    })
    socket.on('message', (data) => {
      let frame: Frame
      try {
        frame = JSON.parse(String(data))
      } catch {
        return socket.close(1007)
      }
      const said = answers(frame)
      if (said === 'close') return socket.close(1011)
      for (const message of said) socket.send(JSON.stringify(message))
    })
  })
  return `ws://127.0.0.1:${(server.address() as AddressInfo).port}`
}

const judged = async (url: string) => {
  const told: string[] = []
  const { verdicts } = await judgeServer(
    { url, key: 'a-key', commandMs: 0, answerMs: 300, invite: () => {} },
    ({ name }) => void told.push(name),
  )
  assert.deepEqual(
    told,
    verdicts.map(({ name }) => name),
  )
  return new Map(verdicts.map((verdict) => [verdict.name, verdict]))
}

test('for each point of the protocol that a server violates, the conformance check reports what the server did', async (t) => {
  const url = await serverThat(t, (frame) => {
    if (frame.type === 'machine:hello')
      return [{ type: 'server:welcome', protocol: { version: 1 }, offsets: {} }]
    if (frame.type === 'link:ping') return [{ type: 'link:pong', nonce: String(frame.nonce) }]
    // The server accepts every frame as the next frame, even after a gap.
    if (frame.type === 'agent:activity')
      return [{ type: 'agent:ack', offsets: { [String(frame.agent_id)]: frame.to } }]
    if (frame.type === 'agent:status') return [{ type: 'server:refuse', code: 7 }]
    return 'close'
  })
  const points = await judged(url)
  const fails = (name: string, detail: RegExp) => {
    assert.equal(points.get(name)?.result, 'fails', name)
    assert.match(points.get(name)?.detail ?? '', detail)
  }
  for (const name of [
    'upgrade',
    'welcome',
    'unknown-fields',
    'acknowledges',
    'unknown-kind',
    'longest-frame',
  ])
    assert.equal(points.get(name)?.result, 'holds', `${name}: ${points.get(name)?.detail}`)
  assert.equal(points.get('commands')?.result, 'untested')
  fails('wrong-key', /accepts a connection with an invented key/)
  fails('offsets-after-reconnect', /offsets has 0, but 100 was acknowledged/)
  fails('superseded', /stays open/)
  fails('protocol-version', /no server:refuse/)
  fails('gap', /no agent:resend/)
  fails('repeats', /no agent:ack of 20/)
  fails('link-ping', /no link:pong with the nonce 7/)
  fails('unknown-types', /ended with code 1011/)
  fails('not-json', /ended with code 1007/)
  fails('silence', /closed the silent connection after only \d s/)
  fails('valid-frames', /2 frames do not match; the first fault: server:refuse/)
})

test('a server may store frames of a broken connection after its next welcome', async (t) => {
  const stored = new Map<string, number>()
  const told = new Map<string, number>()
  const url = await serverThat(t, (frame) => {
    if (frame.type === 'machine:hello')
      return [{ type: 'server:welcome', protocol: { version: 1 }, offsets: Object.fromEntries(told) }]
    if (frame.type === 'link:ping') return [{ type: 'link:pong', nonce: String(frame.nonce) }]
    if (frame.type !== 'agent:activity') return []
    const { agent_id, from, to } = frame as { agent_id: string; from: number; to: number }
    const have = stored.get(agent_id) ?? 0
    if (from !== have) return [{ type: 'agent:resend', agent_id, from: have }]
    stored.set(agent_id, to)
    // Simulates a slow disk: the last frame before the connection breaks is stored, but not acknowledged.
    if (to === 250) return []
    told.set(agent_id, to)
    return [{ type: 'agent:ack', offsets: { [agent_id]: to } }]
  })
  const point = (await judged(url)).get('offsets-after-reconnect')
  assert.equal(point?.result, 'holds', point?.detail)
})

const FLOODS: [length: number, frame: object][] = [
  [25_000, { type: 'x' }],
  [80, { type: 'x', text: 'x'.repeat(2 ** 20) }],
]
test('if a server sends a flood of frames instead of a welcome, the connection is closed and the run ends early', async (t) => {
  for (const [length, frame] of FLOODS) {
    const url = await serverThat(t, () => Array.from({ length }, () => frame))
    const points = await judged(url)
    assert.equal(points.get('welcome')?.result, 'fails')
    assert.match(points.get('welcome')?.detail ?? '', /ended with code 1006/)
    assert.equal(points.get('gap')?.result, 'untested')
    assert.match(points.get('gap')?.detail ?? '', /welcome fails/)
  }
})
