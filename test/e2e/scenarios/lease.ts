import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { sendSignal } from '../../../src/platform/process-identity.ts'
import { fakeStage } from '../../support/fake-agent.ts'
import { journalEvents } from '../../support/journal.ts'
import type { Running, Stage } from '../../support/stage.ts'
import { until } from '../../support/wait.ts'

/** The shortest lease, in seconds. */
const LEASE_S = 10
/** A time that is longer than a lease in spite of rounding, in milliseconds. */
const LONG_MS = (LEASE_S + 8) * 1000
const MINUTE = { timeoutMs: 60_000 }

async function kill(running: Running) {
  running.kill('SIGKILL')
  await running.ended
}

const lease = (action: 'keep' | 'stop' | 'stop-when-idle') => ({ lease: { after_s: LEASE_S, action } })

const hasEnded = (stage: Stage, agent: string) => existsSync(join(stage.state, 'agents', agent, 'exit.json'))

const idleAfter = async (stage: Stage, agent: string) => {
  await stage.eventually(agent, 'turn_result')
  return stage.agentIs(agent, 'idle')
}

export const leases = () =>
  describe('a lease', { concurrency: true }, () => {
    test('if no daemon returns, a lease ends its agent and all its processes, and other agents keep running', async (t) => {
      const stage = await fakeStage(t)
      await stage.hub()
      const daemon = await stage.daemon()
      const [leased, kept, free] = await Promise.all([
        stage.start({ prompt: "run trap '' TERM; while :; do sleep 600; done", ...lease('stop') }),
        stage.start({ prompt: 'hello', ...lease('keep') }),
        stage.start({ prompt: 'hello' }),
      ])
      const idle = await Promise.all([leased, kept, free].map((agent) => idleAfter(stage, agent)))
      await kill(daemon)
      await until(() => hasEnded(stage, leased), { ...MINUTE, what: 'the end of the leased agent' })
      await until(() => stage.agentProcesses(leased).length === 0, {
        what: 'the end of the agent’s processes',
      })
      await stage.daemon()
      const ended = await stage.agentIs(leased, 'exited')
      assert.deepEqual(ended.exit, { reason: 'lease', code: 143, signal: 'SIGTERM' })
      for (const i of [1, 2]) assert.equal((await stage.agent([leased, kept, free][i]!)).pid, idle[i]!.pid)
    })

    test('a lease waits for the end of the turn if the spec says so', async (t) => {
      const stage = await fakeStage(t)
      await stage.hub()
      const daemon = await stage.daemon()
      const agent = await stage.start({ prompt: 'emit 3 10 7000', ...lease('stop-when-idle') })
      await stage.eventually(agent, 'text')
      await kill(daemon)
      await until(() => hasEnded(stage, agent), { ...MINUTE, what: 'the end of the agent' })
      const kinds = journalEvents(stage.state, agent).map(({ kind }) => kind)
      assert.ok(kinds.includes('turn_result'))
      await stage.daemon()
      assert.equal((await stage.agentIs(agent, 'exited')).exit?.reason, 'lease')
    })

    test('a lease runs out if the daemon is running but its server is not', async (t) => {
      const stage = await fakeStage(t)
      const hub = await stage.hub()
      const daemon = await stage.daemon()
      const agent = await stage.start({ prompt: 'hello', ...lease('stop'), restart: { policy: 'on-loss' } })
      await idleAfter(stage, agent)
      await kill(hub)
      await until(() => hasEnded(stage, agent), { ...MINUTE, what: 'the end of the agent' })
      assert.match(daemon.log(), /not connected/)
      await kill(daemon)
      await stage.hub()
      await stage.daemon()
      const ended = await stage.agentIs(agent, ({ exit }) => exit?.reason === 'lease')
      assert.equal(ended.run, 1)
    })

    test('every connected daemon renews a lease, even a daemon that runs only for a short time', async (t) => {
      const stage = await fakeStage(t)
      await stage.hub()
      const agent = await (async () => {
        const daemon = await stage.daemon()
        const id = await stage.start({ prompt: 'hello', ...lease('stop') })
        await idleAfter(stage, id)
        await kill(daemon)
        return id
      })()
      const { pid } = await stage.agent(agent)
      for (const start = performance.now(); performance.now() - start < LONG_MS; ) {
        const daemon = await stage.daemon()
        await sleep(3000)
        await kill(daemon)
      }
      await stage.daemon()
      assert.equal((await stage.agentIs(agent, 'idle')).pid, pid)
    })

    test('a lease does not count the time that the machine sleeps', async (t) => {
      const stage = await fakeStage(t)
      await stage.hub()
      const daemon = await stage.daemon()
      const agent = await stage.start({ prompt: 'hello', ...lease('stop') })
      const { pid } = await idleAfter(stage, agent)
      await kill(daemon)
      const asleep = stage.agentProcesses(agent)
      for (const process of asleep) sendSignal(process, 'SIGSTOP')
      await sleep(LONG_MS)
      for (const process of asleep) sendSignal(process, 'SIGCONT')
      await stage.daemon()
      assert.equal((await stage.agentIs(agent, 'idle')).pid, pid)
      assert.equal((await stage.command(agent, 'prompt', { content: 'awake?' })).state, 'succeeded')
      await stage.eventually(agent, 'text', ({ text }) => text === 'awake?')
    })
  })
