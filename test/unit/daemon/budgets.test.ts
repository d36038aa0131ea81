import assert from 'node:assert/strict'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { Budgets } from '../../../src/daemon/budgets.ts'
import { DayCosts } from '../../../src/daemon/day-costs.ts'
import { PolicyFile } from '../../../src/policy/schema.ts'
import type { Command } from '../../../src/protocol/index.ts'
import { ManualClock } from '../../support/manual-clock.ts'
import { memoryLog } from '../../support/memory-log.ts'
import { shellAgents } from '../../support/shell-agents.ts'
import { tempDir } from '../../support/temp.ts'
import { until } from '../../support/wait.ts'

const DAY_MS = 24 * 3_600_000

type Agents = Record<string, number>

/** Agents whose costs the test sets, and daemons that count these costs. */
function machine(t: TestContext, agents: Agents) {
  const path = join(tempDir(t), 'costs.json')
  const clock = new ManualClock()
  const all = function* () {
    for (const [id, total_cost_usd] of Object.entries(agents)) yield { id, snapshot: { total_cost_usd } }
  }
  const daemon = () => {
    const costs = new DayCosts({ path, clock, agents: { [Symbol.iterator]: all } })
    costs.open()
    return costs
  }
  const cost = (costs: DayCosts, id: string, usd: number) => {
    agents[id] = (agents[id] ?? 0) + usd
    costs.onChange({ id, snapshot: { total_cost_usd: agents[id] } })
  }
  return { clock, daemon, cost }
}

test('the costs of a day are the costs of all agents since the day began, and each dollar counts once', (t) => {
  const { clock, daemon, cost } = machine(t, { old: 100 })
  let costs = daemon()
  assert.equal(costs.usd, 0)
  cost(costs, 'old', 1)
  cost(costs, 'new', 2)
  assert.equal(costs.usd, 3)
  costs = daemon()
  assert.equal(costs.usd, 3)
  clock.pass(DAY_MS)
  assert.equal(costs.usd, 0)
  cost(costs, 'new', 0.5)
  assert.equal(costs.usd, 0.5)
})

test('if an agent caused costs while no daemon ran, the next daemon counts them', (t) => {
  const agents: Agents = { a: 1 }
  const { daemon } = machine(t, agents)
  const costs = daemon()
  costs.onChange({ id: 'a', snapshot: { total_cost_usd: 2 } })
  agents.a = 5
  assert.equal(daemon().usd, 4)
})

test('when a budget is used up, prompts are refused, and a turn that has already begun is interrupted once', async (t) => {
  const it = shellAgents(t)
  const policy = PolicyFile.parse({ version: 1, budgets: { usd_per_agent: 1, usd_per_day: 3 } })
  const costs = new DayCosts({ path: join(tempDir(t), 'costs.json'), clock: it.clock, agents: it.agents })
  const { logger } = memoryLog()
  const budgets = new Budgets({ agents: it.agents, costs, policy: () => policy, logger })
  budgets.start()
  assert.equal(await it.start('a', {}).result, 'started')
  const agent = it.agents.get('a')
  const prompt = { type: 'agent:prompt', command_id: 'p', agent_id: 'a', content: 'x' } as Command
  budgets.check(prompt, policy)
  const spend = (usd: number) => Object.assign(agent.snapshot, { total_cost_usd: usd, state: 'working' })
  spend(1)
  budgets.onChange(agent)
  budgets.onChange(agent)
  await until(() => agent.status().turn_interrupted)
  assert.match(agent.status().turn_interrupted ?? '', /budgets\.usd_per_agent is spent/)
  assert.throws(() => budgets.check(prompt, policy), /^CommandFailure: a has spent its budget of \$1\.$/)
  const start = { type: 'agent:start', command_id: 's', agent_id: 'b', spec: { cwd: '/' } } as Command
  budgets.check(start, policy)
  spend(3)
  budgets.onChange(agent)
  assert.throws(() => budgets.check(start, policy), /today's budget of \$3/)
})
