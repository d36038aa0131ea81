import { realPath } from '../../platform/real-path.ts'
import type { AgentSpec, PermissionRequest } from '../../protocol/index.ts'
import { CommandFailure } from '../command-failure.ts'
import type { Permit, Permitted } from '../permit.ts'
import { environmentAs } from '../process/agent-user.ts'
import type { Program } from '../runtimes/program.ts'
import { hashOf, readStartupFiles, type StartupFiles } from './read-startup-files.ts'
import { trustRequest } from './trust-request.ts'
import type { TrustedFiles } from './trusted-files.ts'

/** The parts of an agent that are needed to decide about its startup files. */
export interface Trusting {
  record: { spec: AgentSpec }
  run: { program: string }
  runtime: Pick<Program, 'startupPaths' | 'startupPart'>
  launching: { trust?: PermissionRequest | undefined }
  touch(): void
}

export interface RepositoryTrustOptions {
  permit: Permit
  /** Environment that agents inherit. */
  environment: NodeJS.ProcessEnv
  trusted: TrustedFiles
}

type Judged = Pick<Permitted, 'spec' | 'startup' | 'user'>

interface Untrusted {
  hash: string
  folder: string
  found: StartupFiles
}

/**
 * Decides whether an agent uses the startup files of its folder, which make it run programs. Asks a person to
 * decide about new and changed files.
 */
export class RepositoryTrust {
  readonly #options: RepositoryTrustOptions
  readonly #asking = new Map<Trusting, { hash: string; decide(answer: boolean | CommandFailure): void }>()

  constructor(options: RepositoryTrustOptions) {
    this.#options = options
  }

  /**
   * Asks a person about the agent's startup files, with a request in the agent's status.
   * @returns undefined if there is nothing to ask; otherwise a promise that resolves to whether the agent may
   * be launched. The promise resolves to false if the request was withdrawn. Rejects with a CommandFailure if
   * the person refuses
   * @throws CommandFailure if the policy refuses the agent
   */
  ask(agent: Trusting): Promise<boolean> | undefined {
    const untrusted = this.#now(agent)
    if (!untrusted) return undefined
    return new Promise((resolve, reject) => {
      const decide = (answer: boolean | CommandFailure) => {
        this.#asking.delete(agent)
        agent.launching.trust = undefined
        if (typeof answer === 'boolean') resolve(answer)
        else reject(answer)
      }
      this.#asking.set(agent, { hash: untrusted.hash, decide })
      show(agent, untrusted)
    })
  }

  /** Handles a person's answer. @throws CommandFailure if the files have changed since they were shown */
  answer(agent: Trusting, { allow, message }: { allow: boolean; message?: string | undefined }) {
    const asking = this.#asking.get(agent)
    if (!asking) return
    if (!allow)
      return asking.decide(
        refusal(`A person did not permit the startup files of its folder${message ? `: ${message}` : '.'}`),
      )
    const untrusted = this.#now(agent)
    if (untrusted && untrusted.hash !== asking.hash) {
      asking.hash = untrusted.hash
      show(agent, untrusted)
      agent.touch()
      throw new CommandFailure('request_changed', 'The files have changed since they were shown.', {
        path: 'digest',
        remedy: "Look at the agent's current request, and answer it.",
      })
    }
    this.#options.trusted.add(asking.hash)
    // Other agents may wait for permission to use the same files. This answer is also valid for them.
    for (const { hash, decide } of [...this.#asking.values()]) if (hash === asking.hash) decide(true)
  }

  /** Withdraws the request about an agent. @returns whether there was a request */
  cancel(agent: Trusting): boolean {
    const asking = this.#asking.get(agent)
    asking?.decide(false)
    return asking !== undefined
  }

  /** Withdraws all requests. The next daemon makes these requests again. */
  close() {
    for (const { decide } of [...this.#asking.values()]) decide(false)
  }

  /**
   * Decides right before a launch whether the agent uses its startup files.
   * @returns true if the agent uses its startup files
   * @throws CommandFailure if the files have changed since a person permitted them
   */
  mayUse(agent: Pick<Trusting, 'runtime'>, permitted: Judged): boolean {
    if (!this.#untrusted(agent, permitted)) return true
    if (permitted.startup.others === 'ignore') return false
    throw refusal('The startup files of its folder have changed since a person permitted them.')
  }

  #untrusted(
    { runtime }: Pick<Trusting, 'runtime'>,
    { spec, startup: { isTrusted, others }, user }: Judged,
  ): Untrusted | undefined {
    const { environment, trusted } = this.#options
    const env = user ? environmentAs(user, environment) : environment
    const paths = runtime.startupPaths(spec, env).filter((path) => !isTrusted(path))
    if (paths.length === 0) return undefined
    const found = readStartupFiles(paths, user)
    if (found.files.length === 0 && !found.cut) return undefined
    const folder = realPath(spec.cwd)
    const hash = hashOf(folder, found)
    return others === 'ask' && !found.cut && trusted.has(hash) ? undefined : { hash, folder, found }
  }

  /** Returns the startup files about which a person must decide now. */
  #now(agent: Trusting): Untrusted | undefined {
    const permitted = this.#options.permit(agent.record.spec, agent.run.program)
    return permitted.startup.others === 'ask' ? this.#untrusted(agent, permitted) : undefined
  }
}

function show({ launching, runtime }: Trusting, { hash, folder, found }: Untrusted) {
  launching.trust = trustRequest({ hash, folder, found, partOf: runtime.startupPart })
}

const refusal = (message: string) =>
  new CommandFailure('policy', message, {
    path: 'repository_trust',
    remedy: 'Look at the files, then start or resume the agent again, and permit them.',
  })
