import assert from 'node:assert/strict'
import { appendFileSync, readdirSync, writeFileSync } from 'node:fs'
import type { TestContext } from 'node:test'
import type { Agent } from '../../src/agents/agent.ts'
import type { AgentPool } from '../../src/agents/agent-pool.ts'
import { UsageLimits } from '../../src/daemon/usage-limits.ts'
import { isAlive } from '../../src/platform/process-identity.ts'
import type { Command } from '../../src/protocol/index.ts'
import { carryOutWith } from './command-context.ts'
import { memoryLog } from './memory-log.ts'
import { shellAgents } from './shell-agents.ts'
import { until } from './wait.ts'

/** Interval between the checks of a daemon, in ms. */
const CHECK_MS = 15_000

const state = (state: string) => ({ type: 'system', subtype: 'session_state_changed', state })
const limit = (status: string, resetsAt?: number) => ({
  type: 'rate_limit_event',
  rate_limit_info: { status, rateLimitType: 'five_hour', ...(resetsAt !== undefined && { resetsAt }) },
})
const result = (rest: object) => ({ type: 'result', subtype: 'success', is_error: false, ...rest })
const atLimit = { is_error: true, api_error_status: 429, api_error: 'usage_limit_reached', result: 'limit' }

/** A machine whose daemon the test can replace. The test also determines what the agents write. */
export function limitedAgents(t: TestContext) {
  const it = shellAgents(t)
  let pool: AgentPool = it.agents
  const { logger, lines: log } = memoryLog()
  const limitsOf = (agents: AgentPool) =>
    new UsageLimits({ agents, check: async () => {}, clock: it.clock, logger })
  let limits = limitsOf(pool)
  let commands = 0
  const prompts: { id: string; atMs: number; text: string; uuid: string }[] = []
  const listen = (agent: Agent) =>
    agent.inbox.events.on('put', ({ kind, line }) => {
      if (kind !== 'prompt') return
      const { message, uuid } = JSON.parse(line)
      prompts.push({ id: agent.id, atMs: it.clock.now(), text: message.content, uuid })
    })
  const writes = (id: string, ...lines: object[]) => {
    const agent = pool.get(id)
    appendFileSync(agent.folder.journal, lines.map((line) => `${JSON.stringify(line)}\n`).join(''))
    while (agent.catchUp());
  }
  return {
    clock: it.clock,
    log,
    prompts,
    agent: (id: string) => pool.get(id),
    status: (id: string) => pool.get(id).status(),
    async start(id: string, spec: object) {
      assert.equal(await it.start(id, spec).result, 'started')
      listen(pool.get(id))
    },
    /** The agent's turn ends at the limit of its account. */
    meetsLimit: (id: string, resetMs: number | undefined, rest: object = atLimit) =>
      writes(
        id,
        state('running'),
        limit('rejected', resetMs === undefined ? undefined : resetMs / 1000),
        result(rest),
        state('idle'),
      ),
    /** The agent meets the limit again, but the runtime does not report the limit again. */
    meetsSameLimit: (id: string) => writes(id, state('running'), result(atLimit), state('idle')),
    /** Waits until the agent has received all input. */
    fed: (id: string) =>
      until(() => readdirSync(pool.get(id).folder.inbox).length === 0, { what: `the input of ${id}` }),
    begins: (id: string) => {
      const begun = prompts
        .filter((prompt) => prompt.id === id)
        .map(({ uuid }) => ({ type: 'command_lifecycle', command_uuid: uuid, state: 'started' }))
      writes(id, ...begun, state('running'))
    },
    answers: (id: string) => writes(id, limit('allowed')),
    ends: (id: string, rest: object = {}) => writes(id, result(rest), state('idle')),
    /** Lets time pass. Meanwhile, the daemon makes its checks. */
    async pass(ms: number) {
      for (let left = ms; left > 0; left -= CHECK_MS) {
        it.clock.pass(Math.min(left, CHECK_MS))
        limits.check()
        await new Promise(setImmediate)
      }
    },
    /** Gives a command, and waits until it is carried out. */
    async command(type: Command['type'], agent_id: string, rest: object = {}) {
      const command = { type, command_id: `c-${++commands}`, agent_id, ...rest } as Command
      const { confirmed } = await carryOutWith(pool, command)
      return confirmed
    },
    /** Ends all processes of the agents, as the machine reboots. The next daemon has not started yet. */
    async goesDown() {
      const running = [...pool].filter(({ hasEnded }) => !hasEnded)
      await until(() => running.every((agent) => agent.process), { what: 'the processes of all agents' })
      for (const { id, process: record, folder } of running) {
        if (!record) continue
        const { launcher, agent, feeder } = record
        const processes = [launcher, agent, feeder]
        for (const { pid } of processes) process.kill(pid, 'SIGKILL')
        await until(() => !processes.some(isAlive), { what: `the end of ${id}` })
        const of = (identity: typeof agent) => ({ ...identity, boot_id: 'an earlier boot' })
        const earlier = { ...record, launcher: of(launcher), agent: of(agent), feeder: of(feeder) }
        writeFileSync(folder.process, JSON.stringify(earlier))
      }
    },
    rest: (id: string) => pool.rest(pool.get(id), 'It was idle.'),
    /** Replaces the daemon with the next daemon. */
    async restart(isThere = () => [...pool].every((agent) => agent.hasEnded || agent.isReady)) {
      pool.close()
      pool = it.again()
      limits = limitsOf(pool)
      for (const agent of pool) listen(agent)
      await until(() => {
        // A killed process may still have existed when the daemon adopted its agent.
        for (const agent of pool) pool.check(agent)
        return isThere()
      })
    },
  }
}

/** Time on the clock of a test at which the limit of `limited` resets, in milliseconds. */
export const RESET_MS = 60 * 60_000

/** Agents that have reached the limit of their common account. The limit resets after an hour. */
export async function limited(t: TestContext, ids: string[], spec: object = { on_limit: 'wait' }) {
  const it = limitedAgents(t)
  for (const id of ids) await it.start(id, spec)
  for (const id of ids) it.meetsLimit(id, RESET_MS)
  return it
}
