import type { Agent } from '../agents/agent.ts'
import { CommandFailure } from '../agents/command-failure.ts'
import type { Logger } from '../platform/log.ts'
import type { Policy } from '../policy/schema.ts'
import type { Command } from '../protocol/index.ts'
import type { DayCosts } from './day-costs.ts'
import { interruptTurn } from './policy-interrupt.ts'

export interface BudgetsOptions {
  agents: { [Symbol.iterator](): Iterator<Agent>; find(id: string): Agent | undefined }
  costs: DayCosts
  /** Returns the policy that was last read; undefined if the last read failed. */
  policy(): Policy | undefined
  logger: Logger
}

/**
 * Enforces the policy's limits on costs. A runtime reports costs only at the end of a turn, so a turn can
 * exceed a budget, and the next turn is refused.
 */
export class Budgets {
  readonly #options: BudgetsOptions

  constructor(options: BudgetsOptions) {
    this.#options = options
  }

  /** Starts counting costs. Called when all agents are known. */
  start() {
    this.#options.costs.open()
  }

  /** Checks a command that causes costs. @throws CommandFailure if the budget is spent */
  check(command: Command, { budgets }: Policy) {
    if (!['agent:start', 'agent:prompt', 'agent:resume'].includes(command.type)) return
    const { agents, costs } = this.#options
    if (isSpent(budgets.usd_per_day, costs.usd))
      throw spent(
        `The agents of this machine have spent today's budget of $${budgets.usd_per_day}.`,
        'budgets.usd_per_day',
      )
    const agent = 'agent_id' in command ? agents.find(command.agent_id) : undefined
    if (agent && isSpent(budgets.usd_per_agent, agent.snapshot.total_cost_usd))
      throw spent(`${agent.id} has spent its budget of $${budgets.usd_per_agent}.`, 'budgets.usd_per_agent')
  }

  /** Counts an agent's costs, and interrupts turns that began before a budget was spent. */
  onChange(agent: Agent) {
    const { agents, costs, policy } = this.#options
    costs.onChange(agent)
    const { usd_per_agent, usd_per_day } = policy()?.budgets ?? {}
    if (isSpent(usd_per_agent, agent.snapshot.total_cost_usd)) this.#interrupt(agent, 'budgets.usd_per_agent')
    if (isSpent(usd_per_day, costs.usd))
      for (const each of agents) this.#interrupt(each, 'budgets.usd_per_day')
  }

  #interrupt(agent: Agent, key: string) {
    const why = `The machine's policy interrupted the agent's turn: ${key} is spent.`
    interruptTurn(agent, { rule: 'budget', key, why, cancelQueued: true }, this.#options.logger)
  }
}

const isSpent = (budget: number | undefined, usd = 0) => budget !== undefined && usd >= budget

const spent = (message: string, path: string) =>
  new CommandFailure('policy', message, {
    path,
    remedy: `Have the machine's operator raise ${path} in its policy.`,
  })
