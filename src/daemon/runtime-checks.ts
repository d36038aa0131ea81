import * as z from 'zod/mini'
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

const RuntimesRecord = z.object({ version: z.literal(1), runtimes: z.array(Runtime) })

export interface RuntimeChecksOptions {
  runtimes: RuntimeAdapter[]
  /**
   * File with the runtimes that the last probe found, so that a daemon need not wait for a new probe when it
   * starts.
   */
  cachePath: string
  environment: NodeJS.ProcessEnv
  clock: Clock
  problems: Problems
}

/** Finds the runtimes of the machine, with their versions and logins. */
export class RuntimeChecks {
  readonly #options: RuntimeChecksOptions
  found: Runtime[]
  /** Monotonic time of the last probe, and the fingerprints of the programs at that time. */
  #last: { at: number; programs: string }

  constructor(options: RuntimeChecksOptions) {
    this.#options = options
    const cached = readJson(options.cachePath, RuntimesRecord)
    this.found = cached.ok ? cached.value.runtimes : []
    this.#last = this.#present()
  }

  /** Probes the runtimes' programs. @returns true if anything has changed */
  async probe(): Promise<boolean> {
    const { runtimes, environment, cachePath } = this.#options
    const before = this.found
    // If this daemon's working folder was deleted, leave it, because a program in a deleted folder may not
    // report its login.
    leaveDeletedFolder()
    this.found = await Promise.all(runtimes.map((runtime) => runtime.probe({ env: environment })))
    this.#last = this.#present()
    for (const [index, found] of this.found.entries()) {
      const last = before.find(({ name }) => name === found.name)
      this.#judgeProgram(found, last)
      this.#judgeLogin(found, last, runtimes[index]!)
    }
    if (JSON.stringify(before) === JSON.stringify(this.found)) return false
    try {
      writeAtomic(cachePath, JSON.stringify({ version: 1, runtimes: this.found }))
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
    const isWrong = this.found.some(({ problem, login }) => problem || isLoggedOut(login))
    return at - this.#last.at >= (isWrong ? MENDING_PROBE_MS : PROBE_MS)
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

const isLoggedOut = (login: Runtime['login']) => login === 'logged_out' || login === 'expired'
