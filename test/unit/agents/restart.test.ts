import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Agent } from '../../../src/agents/agent.ts'
import { CommandFailure } from '../../../src/agents/command-failure.ts'
import { nextRestart, Restarts } from '../../../src/agents/restart.ts'
import { createLogger } from '../../../src/platform/log.ts'
import type { AgentSpec, Exit } from '../../../src/protocol/index.ts'
import { ManualClock } from '../../support/manual-clock.ts'

const HOUR = 3_600_000
type Restart = NonNullable<AgentSpec['restart']>

/** A simulated agent with only the fields that restarts need. */
function ended(exit: Exit, restart?: Partial<Restart>, restarts: number[] = []) {
  const told: string[] = []
  const agent = {
    id: 'a',
    hasEnded: true,
    returning: false,
    heldUntil: undefined,
    record: { spec: restart && { restart: { policy: 'on-loss', max_per_hour: 2, ...restart } } },
    run: { restarts: restarts.map((ms) => new Date(ms).toISOString()) },
    snapshot: { exit },
    touch: () => {},
    markNotResumed: (code: string) => void told.push(code),
  }
  agent.record.spec ??= {} as never
  return { agent: agent as unknown as Agent, told }
}

test('each restart policy selects the exit reasons after which an agent restarts', () => {
  const restarts = (reason: Exit['reason'], policy: Restart['policy']) =>
    nextRestart(ended({ reason }, { policy }).agent, 0) !== undefined
  const reasons = ['stopped', 'finished', 'lease', 'crashed', 'killed', 'lost', 'rebooted'] as const
  const wanted = (policy: Restart['policy']) => reasons.filter((reason) => restarts(reason, policy))
  assert.deepEqual(wanted('never'), [])
  assert.deepEqual(wanted('on-loss'), ['killed', 'lost', 'rebooted'])
  assert.deepEqual(wanted('on-failure'), ['crashed', 'killed', 'lost', 'rebooted'])
  assert.equal(nextRestart(ended({ reason: 'lost' }).agent, 0), undefined)
})

test('each restart within an hour is delayed longer, and restarts over the limit wait for the end of the hour', () => {
  const now = 10 * HOUR
  const next = (...restarts: number[]) =>
    nextRestart(ended({ reason: 'lost' }, { max_per_hour: 2 }, restarts).agent, now)
  assert.deepEqual(next(), { delayMs: 1000, held: false })
  assert.deepEqual(next(now - 5000), { delayMs: 2000, held: false })
  assert.deepEqual(next(now - 9000, now - 5000), { delayMs: HOUR - 9000, held: true })
  assert.deepEqual(next(now - HOUR, now - 5000), { delayMs: 2000, held: false })
  // Simulates a clock that was set back in the meantime.
  assert.deepEqual(next(now + 2 * HOUR, now - 5000), { delayMs: HOUR, held: true })
})

function restarts(resume: (agent: Agent) => Promise<void>) {
  const clock = new ManualClock()
  const loops: string[][] = []
  const logger = createLogger({ level: 'silent', stderr: 'none' })
  const onCrashLoops = (agents: Agent[]) => void loops.push(agents.map(({ id }) => id))
  return { clock, loops, restarts: new Restarts({ clock, logger, resume, onCrashLoops }) }
}

test('an agent in a crash loop is held back, reported, and restarted at the end of the hour', async () => {
  const resumed: string[] = []
  const it = restarts(async (agent) => {
    it.restarts.cancel(agent)
    resumed.push(agent.id)
  })
  const { agent } = ended({ reason: 'killed' }, { max_per_hour: 1 }, [0])
  it.restarts.onEnded(agent)
  assert.equal(agent.heldUntil, HOUR)
  assert.deepEqual(it.loops, [['a']])
  it.clock.pass(HOUR - 1)
  assert.deepEqual(resumed, [])
  it.clock.pass(1)
  assert.deepEqual(resumed, ['a'])
  assert.deepEqual(it.loops, [['a'], []])
  assert.equal(agent.heldUntil, undefined)
})

test('agents that are to restart at the same time are started one after another', async () => {
  const resumed: number[] = []
  const it = restarts(async () => void resumed.push(it.clock.now()))
  for (let i = 0; i < 5; i++) it.restarts.onEnded(ended({ reason: 'rebooted' }, {}).agent)
  it.clock.pass(10_000)
  assert.deepEqual(resumed, [1000, 1250, 1500, 1750, 2000])
})

test('a restart that this machine refuses is tried again, and is reported with the reason', async () => {
  let missing = true
  const it = restarts(async (agent) => {
    it.restarts.cancel(agent)
    if (missing) throw new CommandFailure('runtime_missing', 'claude is not installed')
  })
  const { agent, told } = ended({ reason: 'rebooted' }, {})
  it.restarts.onEnded(agent)
  assert.equal(agent.returning, true)
  it.clock.pass(1000)
  await new Promise(setImmediate)
  assert.deepEqual(told, ['runtime_missing'])
  assert.ok(agent.heldUntil! > it.clock.now())
  missing = false
  it.clock.pass(60_000)
  await new Promise(setImmediate)
  assert.deepEqual(told, ['runtime_missing'])
  assert.equal(agent.heldUntil, undefined)
})

test('agents that were stopped, and agents of a closed daemon, are not restarted', async () => {
  const resumed: Agent[] = []
  const it = restarts(async (agent) => void resumed.push(agent))
  const stopped = ended({ reason: 'lost' }, {}).agent
  it.restarts.onEnded(stopped)
  it.restarts.cancel(stopped)
  const left = ended({ reason: 'lost' }, {}).agent
  it.restarts.onEnded(left)
  it.restarts.close()
  it.restarts.onEnded(ended({ reason: 'lost' }, {}).agent)
  it.clock.pass(2 * HOUR)
  assert.deepEqual(resumed, [])
})
