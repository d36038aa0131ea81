import { CommandFailure } from '../agents/command-failure.ts'
import type { Permit } from '../agents/permit.ts'
import { type AgentUser, agentUser } from '../agents/process/agent-user.ts'
import type { Logger } from '../platform/log.ts'
import { refusalsOfCommand } from '../policy/command-refusals.ts'
import type { CurrentPolicy } from '../policy/current.ts'
import { isInherited } from '../policy/inherited.ts'
import { permittedSpec } from '../policy/permitted-spec.ts'
import { refusedFolders } from '../policy/rules/folders.ts'
import { refusedNumber } from '../policy/rules/number.ts'
import { trusts } from '../policy/rules/repositories.ts'
import type { Policy } from '../policy/schema.ts'
import { refusalsOfSpec } from '../policy/spec-refusals.ts'
import { summaryOf } from '../policy/summary.ts'
import type { Command, Runtime } from '../protocol/index.ts'
import { ACTING, type PolicyRefusal } from '../protocol/policy-rules.ts'
import type { ReadingRules } from './agent-places.ts'
import type { Budgets } from './budgets.ts'
import { Gate, type GateWait } from './gate.ts'
import type { Health } from './health.ts'
import type { StartLimit } from './start-limit.ts'

export interface PolicyGuardOptions {
  current: CurrentPolicy
  starts: StartLimit
  budgets: Pick<Budgets, 'check'>
  health: Pick<Health, 'runtime' | 'report' | 'clear' | 'setPolicy'>
  /** Returns the files and folders that sandboxed agents must not see. */
  hidden(policy: Policy): readonly string[]
  logger: Logger
}

/**
 * Refuses commands and launches that the machine's policy does not permit, and reports the policy to the
 * server.
 */
export class PolicyGuard {
  readonly #options: PolicyGuardOptions
  readonly #gate: Gate

  constructor(options: PolicyGuardOptions) {
    this.#options = options
    this.#gate = new Gate(options.logger)
    options.current.events.on('change', () => this.report())
    this.report()
  }

  /** Reads the policy again if its file has changed. */
  refresh() {
    this.#options.current.refresh()
  }

  /**
   * Checks a command before it is carried out.
   * @throws CommandFailure
   */
  async check(command: Command, wait?: GateWait): Promise<void> {
    const policy = this.inForce
    // If the machine has no valid policy, permit only commands that read the machine's state or stop agents.
    if (!policy) {
      if (ACTING.includes(command.type)) throw this.counted(this.#unreadable())
      return
    }
    this.#refuse(refusalsOfCommand(policy, command), command.type)
    try {
      this.#options.budgets.check(command, policy)
      await this.#gate.check(command, policy, wait)
    } catch (error) {
      throw error instanceof CommandFailure ? this.counted(error) : error
    }
    // Check again, because the policy may have changed while the gate's program decided.
    if (ACTING.includes(command.type)) this.#refuse(refusalsOfCommand(this.#policy(), command), command.type)
  }

  /** @see Permit */
  readonly permit: Permit = (spec, path, begun) => {
    const policy = this.#policy()
    const { version } = this.#runtime(spec.runtime) ?? {}
    const program = { path, version }
    this.#refuse(
      [...refusalsOfSpec(policy, spec, program), ...refusedNumber(policy, begun?.running ?? 0)],
      spec.cwd,
    )
    const user = this.checkUser(spec.cwd, policy)
    if (begun?.isOrdered) this.#refuse(this.#options.starts.count(policy), spec.cwd)
    const { sandbox, network } = policy.isolation
    const { memory_reserve_mb: _, ...resources } = policy.resources
    return {
      resources,
      spec: permittedSpec(policy, spec),
      inherits: (name) => isInherited(policy, name),
      startup: {
        isTrusted: trusts(policy),
        others: policy.repository_trust === 'listed' ? 'ignore' : 'ask',
      },
      sandbox: sandbox === 'bubblewrap' ? { network, hidden: this.#options.hidden(policy) } : undefined,
      user,
    }
  }

  /**
   * Returns the user that agents run as; undefined for the daemon's user.
   * @throws CommandFailure if agents cannot run as this user
   */
  checkUser(what?: string, policy = this.#policy()): AgentUser | undefined {
    const { agent_user } = policy.isolation
    try {
      return agent_user === undefined ? undefined : agentUser(agent_user)
    } catch (error) {
      throw error instanceof CommandFailure ? this.counted(error, what) : error
    }
  }

  /**
   * Returns the rules for reading folders of an agent, whose links are resolved.
   * @throws CommandFailure if the policy does not permit agents in the folders
   */
  reading(folders: string[]): ReadingRules {
    const policy = this.#policy()
    this.#refuse(refusedFolders(policy, folders), folders[0] ?? '')
    const { sandbox, network } = policy.isolation
    const hidden = this.#options.hidden(policy)
    return {
      user: this.checkUser(folders[0], policy),
      sandbox: sandbox === 'bubblewrap' ? { network, hidden } : undefined,
      hidden,
    }
  }

  /** Returns the path of the policy in force; undefined if there is no file. */
  get file(): string | undefined {
    const { state } = this.#options.current
    return state.from === 'default' ? undefined : state.path
  }

  /** Number of refusals since the daemon's start, for each key of the policy. */
  readonly refused: Record<string, number> = {}

  /**
   * Checks whether the policy's file has changed, then returns the policy in force; undefined if the file
   * cannot be read.
   */
  get inForce(): Policy | undefined {
    const { state } = this.#options.current
    return state.from === 'unreadable' ? undefined : state.policy
  }

  /** @see CurrentPolicy.lastReadable */
  get lastReadable(): Policy | undefined {
    return this.#options.current.lastReadable
  }

  /** Calls `run` whenever the policy has changed. */
  onChange(run: () => void) {
    this.#options.current.events.on('change', run)
  }

  /** Reports the policy, and any problem with it, in the machine's status. */
  report() {
    const { current, health } = this.#options
    const { state } = current
    health.setPolicy(summaryOf(state))
    if (state.from !== 'unreadable') return health.clear('policy_unreadable')
    const { problem, remedy } = state
    health.report('policy_unreadable', {
      severity: 'error',
      message: `${problem} No agent is started.`,
      remedy,
    })
  }

  #policy(): Policy {
    const policy = this.inForce
    if (!policy) throw this.#unreadable()
    return policy
  }

  #runtime(name: string): Runtime | undefined {
    return this.#options.health.runtime(name)
  }

  #unreadable() {
    const { state } = this.#options.current
    const path = state.from === 'unreadable' ? state.path : ''
    return new CommandFailure(
      'policy',
      `The machine's policy ${path} cannot be read, so nothing is started.`,
      {
        path: 'policy',
        remedy: "Have the machine's operator correct it: `fomular-daemon policy check` lists the mistakes.",
      },
    )
  }

  /** @throws CommandFailure for the first refusal */
  #refuse([refusal]: PolicyRefusal[], what: string) {
    if (!refusal) return
    throw this.counted(
      new CommandFailure('policy', refusal.message, {
        path: refusal.key,
        remedy: `Change the command, or have the machine's operator change ${refusal.key} in its policy.`,
        ...(refusal.until !== undefined && { until: refusal.until }),
      }),
      what,
    )
  }

  /** Counts and logs a refusal. */
  counted(failure: CommandFailure, what?: string): CommandFailure {
    const key = failure.error.path ?? ''
    this.refused[key] = (this.refused[key] ?? 0) + 1
    this.#options.logger.warn(
      { policy_key: key, ...(what !== undefined && { what }) },
      'refused by the policy',
    )
    return failure
  }
}
