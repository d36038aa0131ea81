import * as z from 'zod/mini'
import { CommandFailure } from '../agents/command-failure.ts'
import { type AgentUser, environmentAs } from '../agents/process/agent-user.ts'
import type { RuntimeAdapter } from '../agents/runtimes/runtime.ts'
import type { Clock } from '../platform/clock.ts'
import { fingerprint, readJson, writeAtomic } from '../platform/files.ts'
import { leaveDeletedFolder } from '../platform/working-folder.ts'
import { type HealthProblemCode, Runtime } from '../protocol/index.ts'
import type { Problems } from './problems.ts'

/**
 * Interval between checks of runtimes, in ms. Checks are repeated because users may log in and out while the
 * daemon is running.
 */
const PROBE_MS = 10 * 60_000
/**
 * Interval between checks while a runtime has a problem, in ms. This interval is shorter because a user may
 * be fixing the problem.
 */
const MENDING_PROBE_MS = 60_000

const RuntimesRecord = z.object({
  version: z.literal(1),
  runtimes: z.array(Runtime),
  /** Name of the user that the probed programs ran as; absent for the daemon's user. */
  agent_user: z.optional(z.string()),
})

/** The user that agents run as, according to the policy. */
export interface ChosenUser {
  /** Name of the user; undefined for the daemon's user. */
  readonly name: string | undefined
  /**
   * Returns the user; undefined for the daemon's user.
   * @throws if agents cannot run as this user, or the policy is unreadable
   */
  get(): AgentUser | undefined
}

export interface RuntimeChecksOptions {
  runtimes: RuntimeAdapter[]
  /**
   * File with the runtimes that the last probe found, so that a daemon need not wait for a new probe when it
   * starts.
   */
  cachePath: string
  environment: NodeJS.ProcessEnv
  /** By default, the daemon's user. */
  user?: ChosenUser
  clock: Clock
  problems: Problems
}

/** Finds the runtimes of the machine, with their versions and logins, as the user that agents run as. */
export class RuntimeChecks {
  readonly #options: RuntimeChecksOptions
  #found: { runtimes: Runtime[]; by: string | undefined }
  /** True if the last probe found that agents cannot run as their user. */
  #isUserUnusable = false
  /** Monotonic time of the last probe, and the fingerprints of the programs at that time. */
  #last: { at: number; programs: string }

  constructor(options: RuntimeChecksOptions) {
    this.#options = options
    const cached = readJson(options.cachePath, RuntimesRecord)
    this.#found = cached.ok
      ? { runtimes: cached.value.runtimes.filter(isFine), by: cached.value.agent_user }
      : { runtimes: [], by: undefined }
    this.#last = this.#present()
  }

  /** Returns the runtimes that the last probe found; none if it was for another user. */
  get found(): Runtime[] {
    return this.#found.by === this.#options.user?.name ? this.#found.runtimes : []
  }

  /** Probes the runtimes' programs. @returns true if anything has changed */
  async probe(): Promise<boolean> {
    const { runtimes, environment, cachePath } = this.#options
    const before = this.found
    const user = this.#checkedUser()
    if (user === 'unusable') return false
    const env = user ? environmentAs(user, environment) : environment
    // If this daemon's working folder was deleted, leave it, because a program in a deleted folder may not
    // report its login.
    leaveDeletedFolder()
    const found = await Promise.all(
      runtimes.map((runtime) => runtime.probe({ env, ...(user && { command: user.command }) })),
    )
    this.#found = { runtimes: found, by: user?.name }
    this.#last = this.#present()
    for (const [index, runtime] of found.entries()) {
      const last = before.find(({ name }) => name === runtime.name)
      this.#judgeProgram(runtime, last)
      this.#judgeLogin(runtime, last, runtimes[index]!)
    }
    if (JSON.stringify(before) === JSON.stringify(found)) return false
    try {
      const by = user && { agent_user: user.name }
      writeAtomic(cachePath, JSON.stringify({ version: 1, runtimes: found, ...by }))
    } catch {
      // The file is only a cache.
    }
    return true
  }

  /**
   * True if the runtimes should be probed again. Most checks only compare fingerprints of the programs,
   * because a probe takes a tenth of a second.
   */
  get isProbeDue(): boolean {
    const { at, programs } = this.#present()
    if (this.found.some(({ found }) => !found) || programs !== this.#last.programs) return true
    const isWrong =
      this.#isUserUnusable || this.found.some(({ problem, login }) => problem || isLoggedOut(login))
    return at - this.#last.at >= (isWrong ? MENDING_PROBE_MS : PROBE_MS)
  }

  /** Returns the user that agents run as, or reports that agents cannot run as this user. */
  #checkedUser(): AgentUser | undefined | 'unusable' {
    const { user, problems } = this.#options
    try {
      const found = user?.get()
      this.#isUserUnusable = false
      problems.clear('agent_user_unusable')
      return found
    } catch (error) {
      this.#isUserUnusable = true
      this.#last = this.#present()
      // An unreadable policy is reported elsewhere, as a separate problem.
      if (!(error instanceof CommandFailure)) return 'unusable'
      const { message, remedy } = error
      problems.report('agent_user_unusable', {
        severity: 'error',
        message: `${message} No agent is started.`,
        ...(remedy !== undefined && { remedy }),
      })
      return 'unusable'
    }
  }

  /** `programs` changes when a runtime's program is replaced. */
  #present() {
    const programs = this.found.map(({ path }) => (path === undefined ? '' : fingerprint(path))).join()
    return { at: this.#options.clock.monotonic(), programs }
  }

  #judgeProgram(found: Runtime, last: Runtime | undefined) {
    const { problems } = this.#options
    const code = codeOf(found)
    for (const other of ['runtime_missing', 'runtime_too_old', 'runtime_broken'] as const)
      if (other !== code) problems.clear(other)
    if (code) problems.report(code, { severity: 'error', message: found.problem! })
    if (last?.version && found.version && last.version !== found.version)
      problems.report('runtime_changed', {
        severity: 'info',
        message: `${found.name} was updated from ${last.version} to ${found.version}; running agents keep the old version until they are resumed.`,
      })
  }

  #judgeLogin({ login }: Runtime, last: Runtime | undefined, { title, loginRemedy }: RuntimeAdapter) {
    const { problems } = this.#options
    if (isLoggedOut(login)) {
      const isExpired = login === 'expired'
      problems.clear(isExpired ? 'not_logged_in' : 'login_expired')
      problems.report(isExpired ? 'login_expired' : 'not_logged_in', {
        severity: 'error',
        message: isExpired
          ? `The login of ${title} on this machine has expired.`
          : `${title} is not logged in on this machine.`,
        remedy: loginRemedy,
      })
    } else if (login === 'logged_in') {
      problems.clear('not_logged_in')
      if (last?.login === 'expired') problems.clear('login_expired')
    }
  }
}

function codeOf({ problem, found, version }: Runtime): HealthProblemCode | undefined {
  if (!problem) return undefined
  if (!found) return 'runtime_missing'
  // A program that reports its version is not broken, even if the version is too old.
  return version ? 'runtime_too_old' : 'runtime_broken'
}

/** Reports whether a runtime worked. A problem may be fixed by now, so an old report of a problem is not used. */
const isFine = ({ found, problem, login }: Runtime) => found && problem === undefined && !isLoggedOut(login)

const isLoggedOut = (login: Runtime['login']) => login === 'logged_out' || login === 'expired'
