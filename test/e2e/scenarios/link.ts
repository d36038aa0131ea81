import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, type TestContext, test } from 'node:test'
import { execa } from 'execa'
import { WebSocketServer } from 'ws'
import { type AgentSpec, PROTOCOL } from '../../../src/protocol/index.ts'
import { fakeStage } from '../../support/fake-agent.ts'
import { journalEvents, merged } from '../../support/journal.ts'
import { RUN, type Running, type Stage } from '../../support/stage.ts'
import { until } from '../../support/wait.ts'
import { Wire } from '../../support/wire.ts'

const HOUR = 3_600_000
const MINUTE = { timeoutMs: 60_000 }

async function kill(running: Running) {
  running.kill('SIGKILL')
  await running.ended
}

/** Checks that the hub has everything that the agent wrote, once and in order, from a single process. */
async function complete(stage: Stage, agent: string) {
  await stage.eventually(agent, 'turn_result')
  await stage.agentIs(agent, ({ offset, end, state }) => state === 'idle' && offset >= end)
  assert.deepEqual(merged(await stage.events(agent)), merged(journalEvents(stage.state, agent)))
  assert.equal((await stage.agent(agent)).run, 1)
}

/** Returns the output of `fomular-daemon status`. */
async function status(stage: Stage, ...args: string[]) {
  const [file, ...before] = RUN
  const options = { env: stage.env, extendEnv: false, reject: false }
  return (await execa(file, [...before, 'status', ...args], options)).stdout
}

/** Starts a daemon whose wall clock the test sets. */
async function steppedClock(stage: Stage) {
  const path = join(stage.dir, 'clock')
  const set = (ms: number) => writeFileSync(path, String(ms))
  set(0)
  const preload = new URL('../../support/stepped-clock.ts', import.meta.url).href
  await stage.daemon({ NODE_OPTIONS: `--import=${preload}`, TEST_CLOCK: path })
  return set
}

export const links = () =>
  describe('the link', { concurrency: true }, () => {
    test('the daemon closes a frozen link, and the next link delivers the missed events', async (t) => {
      const stage = await fakeStage(t)
      const hub = await stage.hub()
      const daemon = await stage.daemon()
      const agent = await stage.start({ prompt: 'emit 100 1000 200' })
      await stage.eventually(agent, 'text')
      hub.kill('SIGSTOP')
      await until(() => daemon.log().includes('the server has gone silent'), MINUTE)
      await until(() => journalEvents(stage.state, agent).some(({ kind }) => kind === 'turn_result'), {
        what: 'the end of the turn',
      })
      hub.kill('SIGCONT')
      await until(async () => (await stage.machine())?.connected, MINUTE)
      await complete(stage, agent)
    })

    test('a half-open link is detected by both sides, and the next link carries the missed data', async (t) => {
      const stage = await fakeStage(t)
      await stage.hub()
      const wire = await Wire.open(t, stage.port)
      await stage.daemon({}, `ws://127.0.0.1:${wire.port}`)
      const agent = await stage.start({ prompt: 'before' })
      await stage.eventually(agent, 'turn_result')
      wire.cut()
      const cut = Date.now()
      const found = async (what: string, holds: () => Promise<boolean>) => {
        await until(holds, { ...MINUTE, what })
        t.diagnostic(`${what}: after ${((Date.now() - cut) / 1000).toFixed(1)} s`)
      }
      await Promise.all([
        found(
          'the daemon knows',
          async () => JSON.parse(await status(stage, '--json')).link.state !== 'live',
        ),
        found('the hub knows', async () => (await stage.machine())?.connected === false),
      ])
      assert.match(await status(stage), /not connected for .*the server has gone silent/)
      wire.mend()
      await until(async () => (await stage.machine())?.connected, { ...MINUTE, what: 'the next link' })
      const outcome = await stage.command(agent, 'prompt', { content: 'after' })
      assert.equal(outcome.state, 'succeeded')
      await stage.eventually(agent, 'text', ({ text }) => text === 'after')
    })

    test('no event is lost if the link is down for half an hour during a turn', async (t) => {
      const stage = await fakeStage(t)
      const hub = await stage.hub()
      const set = await steppedClock(stage)
      const agent = await stage.start({
        prompt: 'emit 50 1000 100',
        lease: { after_s: 60, action: 'stop' },
        restart: { policy: 'on-loss' },
      })
      await stage.eventually(agent, 'text')
      await kill(hub)
      set(HOUR / 2)
      await until(() => journalEvents(stage.state, agent).some(({ kind }) => kind === 'turn_result'), {
        what: 'the end of the turn',
      })
      await stage.hub()
      await until(async () => (await stage.machine())?.connected, MINUTE)
      await complete(stage, agent)
    })

    test('the link and the agents survive if the clock jumps forward and back by two hours', async (t) => {
      const stage = await fakeStage(t)
      await stage.hub()
      const set = await steppedClock(stage)
      const agent = await stage.start({ prompt: 'emit 200 1000 100', lease: { after_s: 60, action: 'stop' } })
      await stage.eventually(agent, 'text')
      set(2 * HOUR)
      const told = await until(
        async () => (await stage.machine())?.status.problems.find(({ code }) => code === 'was_asleep'),
        { ...MINUTE, what: 'the report of the jump' },
      )
      assert.match(told.message, /7[12]\d\d s/)
      const { pid } = await stage.agent(agent)
      set(-2 * HOUR)
      await complete(stage, agent)
      // A current status is accepted, even if its time looks old.
      await stage.command(agent, 'prompt', { content: 'still here?' })
      await stage.eventually(agent, 'text', ({ text }) => text === 'still here?')
      assert.equal((await stage.agentIs(agent, 'idle')).pid, pid)
      assert.ok((await stage.machine())?.connected)
    })

    test('if a server stops reading, the daemon’s memory use stays limited, and no agent is blocked', async (t) => {
      const stage = await fakeStage(t)
      const server = await deafServer(t, { runtime: 'claude', cwd: stage.cwd, prompt: 'emit 1000 100000' })
      const daemon = stage.run(['run', '--server-url', server.url, '--key', 'any'])
      await until(server.isDeaf)
      const before = peak(daemon.pid)
      await until(() => journalEvents(stage.state, 'a1').some(({ kind }) => kind === 'turn_result'), {
        what: 'the end of a turn of 100 MB',
      })
      const grown = peak(daemon.pid) - before
      t.diagnostic(
        `100 MB for a server that does not read: the daemon grew by ${Math.round(grown / MIB)} MiB`,
      )
      assert.ok(grown < 64 * MIB, `${grown} bytes`)
    })
  })

/** Returns the peak memory of a process, in bytes. */
const peak = (pid: number) =>
  Number(/^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))![1]) * 1024

const MIB = 1024 * 1024

/** Opens a server that welcomes a daemon, starts an agent on it, and then stops reading. */
async function deafServer(t: TestContext, spec: AgentSpec) {
  const server = new WebSocketServer({ host: '127.0.0.1', port: 0 })
  t.after(() => {
    for (const client of server.clients) client.terminate()
    server.close()
  })
  let deaf = false
  server.on('connection', (socket) =>
    socket.on('message', (data) => {
      const { type } = JSON.parse(String(data))
      const send = (message: object) => socket.send(JSON.stringify(message))
      if (type === 'agent:start:result') {
        deaf = true
        socket.pause()
      } else if (type === 'machine:hello') {
        send({ type: 'server:welcome', protocol: { version: PROTOCOL.version } })
        send({ type: 'agent:start', command_id: 'c1', agent_id: 'a1', spec })
      }
    }),
  )
  await new Promise((resolve) => server.once('listening', resolve))
  return { url: `ws://127.0.0.1:${(server.address() as { port: number }).port}`, isDeaf: () => deaf }
}
