import assert from 'node:assert/strict'
import { EventEmitter } from 'node:events'
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import type { Duplex } from 'node:stream'
import { describe, test } from 'node:test'
import { WebSocket } from 'ws'
import { MachineConnection } from '../../src/hub/machines/machine-connection.ts'
import { createLogger } from '../../src/platform/log.ts'
import type { HubAgent, HubMachine } from '../../src/protocol/index.ts'
import { TestHub } from '../support/hub.ts'
import { statusOf } from '../support/light-daemon.ts'
import { ManualClock } from '../support/manual-clock.ts'
import { until } from '../support/wait.ts'

const text = (offset: number, text = 'hi') => ({ kind: 'text', offset, index: 0, text })
const activity = (agent_id: string, from: number, to: number, events: object[] = []) => ({
  type: 'agent:activity',
  agent_id,
  from,
  to,
  events,
})
const journal = (hub: TestHub, agent: string) => join(hub.dir, 'agents', agent, 'activity.jsonl')
const linesOf = (hub: TestHub, agent: string) =>
  readFileSync(journal(hub, agent), 'utf8').trimEnd().split('\n')
const ids = ({ events }: { events: { offset: number }[] }) => events.map(({ offset }) => offset)

describe('one machine', () => {
  test('a machine uses few file descriptors of the hub, no matter how many agents it has', async (t) => {
    const hub = await TestHub.open(t)
    const good = await hub.daemon({ agents: [statusOf('good')] })
    const many = await hub.daemon({ machine_id: 'machine-2' })
    const before = readdirSync('/proc/self/fd').length
    let most = 0
    const watching = setInterval(() => {
      most = Math.max(most, readdirSync('/proc/self/fd').length - before)
    }, 1)
    for (let n = 0; n < 1500; n++) many.send(activity(`a-${n}`, 0, 10, [text(0)]))
    good.send(activity('good', 0, 10, [text(0)]))
    await good.acknowledged('good', 10)
    await many.acknowledged('a-1499', 10)
    clearInterval(watching)
    assert.ok(most < 300, `${most} descriptors`)
  })

  test('a machine’s empty frames cause no writes', async (t) => {
    const hub = await TestHub.open(t)
    const daemon = await hub.daemon({ agents: [statusOf('quiet')] })
    for (let at = 0; at < 20_000; at++) daemon.send(activity('quiet', at, at + 1))
    daemon.send(activity('quiet', 20_000, 20_001, [text(20_000)]))
    await daemon.acknowledged('quiet', 20_001)
    assert.ok(statSync(journal(hub, 'quiet')).size < 100_000)
    await hub.restart()
    assert.deepEqual(ids(await hub.api('GET', '/api/agents/quiet/events')), [20_000])
  })

  test('a machine cannot delay other machines with a very long page of history', async (t) => {
    const hub = await TestHub.open(t)
    const daemon = await hub.daemon({ agents: [statusOf('long')] })
    const events = Array.from({ length: 60_000 }, (_, n) => text(n * 100, 'x'.repeat(40)))
    daemon.send(activity('long', 0, 6_000_000, events))
    await daemon.acknowledged('long', 6_000_000)
    const lines = linesOf(hub, 'long').map((line) => line.length)
    assert.ok(lines.length > 3 && Math.max(...lines) < 1.2 * 1024 * 1024, String(lines))
    await hub.restart()
    assert.deepEqual(ids({ events: await hub.events('long') }), ids({ events }))
    const again = await hub.daemon({ agents: [statusOf('long', { end: 6_000_000 })] })
    assert.deepEqual(again.offsets, { long: 6_000_000 })
  })

  test('a machine cannot report an offset that is too large for clients', async (t) => {
    const hub = await TestHub.open(t)
    await hub.daemon({ agents: [statusOf('good')] })
    const hello = { machine_id: 'machine-2', capabilities: [] }
    const daemon = await hub.daemon({ ...hello, agents: [statusOf('bad')] })
    const most = Number.MAX_SAFE_INTEGER
    daemon.send(activity('bad', 0, most))
    const { path } = await daemon.received('protocol:error')
    assert.equal(path, 'to')
    daemon.send(activity('bad', 0, 2 ** 52))
    await daemon.acknowledged('bad', 2 ** 52)
    daemon.socket.terminate()
    const back = await hub.daemon({ ...hello, agents: [statusOf('bad')] })
    back.send({
      type: 'agent:status',
      ...statusOf('bad', { revision: 2, begin: most, acked: most, end: most }),
    })
    await back.settled()
    const { agents } = await hub.api<{ agents: HubAgent[] }>('GET', '/api/agents')
    for (const { begin, acked, end } of agents)
      for (const offset of [begin, acked, end]) assert.ok(Number.isSafeInteger(offset), String(offset))
  })

  test('a machine that does not begin with its greeting is disconnected after a few frames', async (t) => {
    const hub = await TestHub.open(t)
    const daemon = await hub.dial()
    for (let n = 0; n < 1000; n++) daemon.send({ type: 'of:a-later-version' })
    await until(() => daemon.closed, { what: 'the close' })
    assert.ok(daemon.ofType('protocol:error').length <= 20)
    const next = await hub.daemon({})
    next.send({ type: 'of:a-later-version' })
    await next.settled()
    assert.deepEqual(next.ofType('protocol:error'), [])
  })

  test('a machine whose agents come and go does not end any client’s stream', async (t) => {
    const hub = await TestHub.open(t)
    const daemon = await hub.daemon({})
    const reader = (await hub.request('GET', '/api/stream'))
      .body!.pipeThrough(new TextDecoderStream())
      .getReader()
    await reader.read()
    for (let n = 0; n < 3000; n++) {
      daemon.send(activity(`r-${n}`, 0, 0))
      daemon.send({ type: 'agent:removed', agent_id: `r-${n}` })
    }
    daemon.send({ type: 'agent:status', ...statusOf('last') })
    let seen = ''
    while (!seen.includes('"last"')) {
      const { value, done } = await reader.read()
      assert.ok(!done, 'the stream must not end')
      seen += value
    }
    assert.ok(!seen.includes('agent_removed'))
    await reader.cancel()
  })

  test('the hub keeps only a few answers for a machine that does not read them', async (t) => {
    const hub = await TestHub.open(t)
    const good = await hub.daemon({ agents: [statusOf('good')] })
    const bad = await hub.daemon({ machine_id: 'machine-2' })
    bad.send({ type: 'link:ping', nonce: 'x'.repeat(2000) })
    assert.deepEqual((await bad.received('protocol:error')).path, 'nonce')
    bad.send({ type: 'link:ping', nonce: { deep: ['x'.repeat(900)] } })
    assert.deepEqual((await bad.received('link:pong')).nonce, { deep: ['x'.repeat(900)] })
    bad.socket.pause()
    const isGone = async () => {
      // Send more than the operating system can buffer.
      for (let n = 0; n < 5000; n++) bad.send({ type: 'link:ping', nonce: 'x'.repeat(1000) })
      const { machines } = await hub.api<{ machines: HubMachine[] }>('GET', '/api/machines')
      return machines.some(({ machine_id, connected }) => machine_id === 'machine-2' && !connected)
    }
    await until(isGone, { what: 'the end of the link' })
    good.send(activity('good', 0, 10, [text(0)]))
    await good.acknowledged('good', 10)
  })

  for (const [what, frame] of [
    ['pings', { type: 'link:ping', nonce: 1 }],
    ['invalid frames', { type: 'machine:status' }],
  ] as const)
    test(`a machine that sends ${what} and never reads loses its link`, () => {
      let [waiting, ended, faults] = [0, false, 0]
      const socket = Object.assign(new EventEmitter(), {
        readyState: WebSocket.OPEN as number,
        bufferedAmount: 0,
        send(sent: string) {
          waiting += sent.length
          if (sent.includes('protocol:error')) faults++
        },
        pause() {},
        close() {
          ended = true
        },
        terminate() {
          ended = true
        },
      })
      const handlers = {
        onHello: async () => ({ offsets: {} }),
        onWelcomed() {},
        onMessage() {},
        onGone() {},
      }
      const key = { sha256: 'k', address: '127.0.0.1', isAcceptedFor: async () => true, onHello() {} }
      const logger = createLogger({ level: 'silent', stderr: 'none' })
      const clock = new ManualClock()
      new MachineConnection(socket as unknown as WebSocket, new EventEmitter() as Duplex, {
        handlers,
        key,
        clock,
        logger,
      })
      const data = Buffer.from(JSON.stringify(frame))
      for (let n = 0; n < 20_000 && !ended; n++) socket.emit('message', data, false)
      assert.ok(ended && faults <= 20 && waiting < 4 * 1024 * 1024, `${waiting}`)
    })
})

test('a client that reads late learns of every agent of a removed machine', async (t) => {
  const hub = await TestHub.open(t)
  const daemon = await hub.daemon({ agents: Array.from({ length: 3000 }, (_, n) => statusOf(`a-${n}`)) })
  const { machine_id } = (await hub.api<{ machines: { machine_id: string }[] }>('GET', '/api/machines'))
    .machines[0]!
  const response = await hub.request('GET', '/api/stream')
  const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader()
  let seen = (await reader.read()).value ?? ''
  daemon.socket.terminate()
  await hub.api('DELETE', `/api/machines/${machine_id}?force=true`)
  const removed = () => new Set(seen.match(/(?<=event: agent_removed\ndata: \{"agent_id":")a-\d+/g)).size
  await until(
    async () => {
      seen += (await reader.read()).value ?? ''
      return removed() === 3000
    },
    { what: 'all removals' },
  )
  await reader.cancel()
  assert.deepEqual(await hub.api('GET', '/api/agents'), { agents: [] })
})
