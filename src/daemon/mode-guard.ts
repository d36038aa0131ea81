import type { Agent } from '../agents/agent.ts'
import type { AgentPool } from '../agents/agent-pool.ts'
import { uuidFrom } from '../agents/events/ids.ts'
import type { Input } from '../agents/runtimes/conversation.ts'
import type { Logger } from '../platform/log.ts'
import type { Policy } from '../policy/schema.ts'
import { isModePermitted } from '../protocol/policy-rules.ts'

/**
 * Maximum number of times that the mode of a run is corrected. After that, the agent is stopped, because its
 * settings select the forbidden mode again each time.
 */
const MOST = 3
/** Maximum wait for the agent's reply, in ms. */
const REPLY_MS = 30_000

export interface ModeGuardOptions {
  agents: AgentPool
  /** Returns the last policy that could be read. */
  policy(): Policy | undefined
  logger: Logger
}

/**
 * Ensures that running agents use only permission modes that the policy permits. The policy can change. An
 * agent's mode can be changed by its settings, by the approval of a plan, or by a person at its terminal.
 */
export class ModeGuard {
  readonly #options: ModeGuardOptions
  /**
   * For each agent: how often the mode of its current run was corrected, and whether a correction is in
   * progress.
   */
  readonly #setBack = new WeakMap<Agent, { run: number; count: number; isBusy: boolean }>()

  constructor(options: ModeGuardOptions) {
    this.#options = options
  }

  check(agent: Agent) {
    const { permission_mode: mode, run } = agent.snapshot
    const policy = this.#options.policy()
    if (agent.hasEnded || !agent.isReady || mode === undefined || !policy || isModePermitted(policy, mode))
      return
    const known = this.#setBack.get(agent)
    const state = known?.run === run ? known : { run, count: 0, isBusy: false }
    this.#setBack.set(agent, state)
    if (state.isBusy) return
    state.isBusy = true
    state.count += 1
    const [permitted] = policy.permission_modes
    this.#correct(agent, mode, state.count > MOST ? undefined : permitted, state.count).then(
      () => {
        state.isBusy = false
        this.check(agent)
      },
      (err) => {
        // The next change of the agent, or of the policy, tries again.
        state.isBusy = false
        this.#options.logger.error({ agent_id: agent.id, err }, 'cannot correct the mode of the agent')
      },
    )
  }

  checkAll() {
    for (const agent of this.#options.agents) this.check(agent)
  }

  /**
   * Changes the agent's mode to a permitted mode. Stops the agent if no mode is permitted, or if the agent
   * does not change its mode.
   */
  async #correct(agent: Agent, mode: string, permitted: string | undefined, count: number) {
    const { agents, logger } = this.#options
    const about = { agent_id: agent.id, mode }
    const { run } = agent.run
    if (permitted !== undefined) {
      logger.warn(
        { ...about, set: permitted },
        'the policy does not permit the mode of the agent: setting a permitted mode',
      )
      const id = uuidFrom('policy-mode', agent.id, run, count)
      const mayReply = this.#tell(
        agent,
        agent.runtime.setPermissionMode(id, permitted, agent.snapshot.conversation),
      )
      if (mayReply) await agent.until(() => agent.reply(id) !== undefined || agent.hasEnded, REPLY_MS)
      if (agent.hasEnded || agent.run.run !== run) return
      if (agent.reply(id)?.ok) return agent.onConfigured({ permission_mode: permitted })
    }
    logger.error(about, 'the policy does not permit the mode of the agent: stopping the agent')
    await agents.stop(agent, { commandId: `policy-mode-${agent.id}-${run}` })
    agent.explain(`The machine's policy does not permit the agent's permission mode ${mode}.`)
  }

  /**
   * Puts an input into an agent's inbox.
   * @returns false if the disk is full; the agent is then stopped with signals only
   */
  #tell(agent: Agent, input: Input): boolean {
    try {
      agent.inbox.put(input)
      return true
    } catch (err) {
      this.#options.logger.error({ agent_id: agent.id, err }, 'cannot send the permitted mode to the agent')
      return false
    }
  }
}
