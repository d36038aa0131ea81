import { CommandFailure } from '../agents/command-failure.ts'
import type { Permit } from '../agents/permit.ts'
import type { Logger } from '../platform/log.ts'
import { ACTING, refusalsOfCommand } from '../policy/command-refusals.ts'
import type { CurrentPolicy } from '../policy/current.ts'
import { permittedSpec } from '../policy/permitted-spec.ts'
import type { PolicyRefusal } from '../policy/refusal.ts'
import type { Policy } from '../policy/schema.ts'
import { refusalsOfSpec } from '../policy/spec-refusals.ts'
import { summaryOf } from '../policy/summary.ts'
import type { Command, Runtime } from '../protocol/index.ts'
import type { Health } from './health.ts'

/** Memory that agents leave free by default, in MiB: running agents may still grow. */
const RESERVE_MB = 512

export interface PolicyGuardOptions {
  current: CurrentPolicy
  health: Pick<Health, 'runtime' | 'report' | 'clear' | 'setPolicy'>
  logger: Logger
}

/** Refuses what the machine's policy does not permit, and reports the policy to the server. */
export class PolicyGuard {
  readonly #options: PolicyGuardOptions

  constructor(options: PolicyGuardOptions) {
    this.#options = options
    options.current.events.on('change', () => this.report())
    this.report()
  }

  /** Reads the policy again if its file has changed. */
  refresh() {
    this.#options.current.refresh()
  }

  /** Checks a command before it is carried out. @throws CommandFailure */
  check(command: Command) {
    const { state } = this.#options.current
    // A machine without a valid policy can still be looked at, and its agents can be stopped.
    if (state.from !== 'unreadable') this.#refuse(refusalsOfCommand(state.policy, command), command.type)
    else if (ACTING.includes(command.type)) throw this.#unreadable()
  }

  /** @see Permit */
  readonly permit: Permit = (spec, path) => {
    const policy = this.#policy()
    const { version } = this.#runtime(spec.runtime) ?? {}
    this.#refuse(refusalsOfSpec(policy, spec, { path, version }), spec.cwd)
    return permittedSpec(policy, spec)
  }

  /** Returns the path of the policy in force; undefined if there is no file. */
  get file(): string | undefined {
    const { state } = this.#options.current
    return state.from === 'default' ? undefined : state.path
  }

  /** Returns the memory that agents leave free, in bytes. */
  memoryReserve() {
    const { state } = this.#options.current
    const chosen = state.from === 'unreadable' ? undefined : state.policy.resources.memory_reserve_mb
    return { bytes: (chosen ?? RESERVE_MB) * 1024 * 1024, chosen: chosen !== undefined }
  }

  /** Tells the server and this machine's user about the policy. */
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
    const { state } = this.#options.current
    if (state.from === 'unreadable') throw this.#unreadable()
    return state.policy
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
        remedy: "Have the machine's operator correct it: `fomular-daemon policy check` says what is wrong.",
      },
    )
  }

  #refuse([refusal]: PolicyRefusal[], what: string) {
    if (!refusal) return
    this.#options.logger.warn({ key: refusal.key, what }, 'refused by the policy')
    throw new CommandFailure('policy', refusal.message, {
      path: refusal.key,
      remedy: `Change the command, or have the machine's operator change ${refusal.key} in its policy.`,
    })
  }
}
