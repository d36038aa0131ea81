import type { AgentSpec } from '../protocol/index.ts'
import type { Agent } from './agent.ts'
import { type AgentUser, environmentAs } from './process/agent-user.ts'
import { checkSession, checkSessionElsewhere } from './process/sessions.ts'
import type { RuntimeAdapter } from './runtimes/runtime.ts'

export interface SessionGuardOptions {
  agents: Iterable<Agent>
  /** Environment that agents inherit. */
  environment: NodeJS.ProcessEnv
}

/** Prevents two processes from having the same session open. */
export class SessionGuard {
  readonly #options: SessionGuardOptions
  /** Reserved sessions of agents that are being resumed, by agent. */
  readonly #resuming = new Map<Agent, { sessionId: string }>()

  constructor(options: SessionGuardOptions) {
    this.#options = options
  }

  /** Reserves a session for an agent while `work` runs. Reserves nothing if there is no id. */
  async during<T>(agent: Agent, sessionId: string | undefined, work: () => Promise<T>): Promise<T> {
    if (sessionId !== undefined) this.#resuming.set(agent, { sessionId })
    try {
      return await work()
    } finally {
      this.#resuming.delete(agent)
    }
  }

  /**
   * Checks that no agent has the session open.
   * @param except agent that is not checked
   * @throws CommandFailure
   */
  check(sessionId: string, except?: Agent) {
    checkSession(this.#options.agents, this.#resuming, sessionId, except)
  }

  /**
   * Checks that no process outside this daemon has the session open.
   * @param user the new run's user, if it is not the daemon's
   * @throws CommandFailure
   */
  checkElsewhere(
    runtime: RuntimeAdapter,
    sessionId: string,
    { env }: AgentSpec,
    user: AgentUser | undefined,
  ) {
    const { environment, agents } = this.#options
    const inherited = user ? environmentAs(user, environment) : environment
    checkSessionElsewhere(runtime, sessionId, { env: { ...inherited, ...env }, agents, user: user?.uid })
  }
}
