import * as z from 'zod/mini'
import type { RuntimeAdapter as AgentRuntime } from '../agents/runtimes/runtime.ts'
import { type Clock, foreignTime, type Timer } from '../platform/clock.ts'
import type { Space } from '../platform/disk.ts'
import { fingerprint, readJson, writeAtomic } from '../platform/files.ts'
import { leaveDeletedFolder } from '../platform/working-folder.ts'
import {
  type Event,
  type HealthProblem,
  type HealthProblemCode,
  Limits,
  MachineStatus,
  Runtime,
} from '../protocol/index.ts'
import { shorten } from '../protocol/schema-check.ts'
import { cut } from '../protocol/shorten.ts'

const MIB = 1024 * 1024
/** Free disk space below which the server is warned, in bytes. */
const DISK_LOW_BYTES = 1024 * MIB
/**
 * Free disk space below which no new agent is started, in bytes: running agents need the rest for their
 * journals.
 */
const DISK_FULL_BYTES = 200 * MIB
/** Available memory below which one more agent would push others out of memory, in bytes. */
const MEMORY_LOW_BYTES = 400 * MIB
/** Interval between checks of disk, memory and clock, in ms. */
const CHECK_MS = 15_000
/** Jump of the clock, in ms, that means that the machine slept. */
const ASLEEP_MS = 30_000
/** Interval between checks of runtimes, in ms: users log in and out while the daemon is running. */
const PROBE_MS = 10 * 60_000
/** The same while a runtime has a problem, in ms: a user may be fixing it. */
const MENDING_PROBE_MS = 60_000
/** Time that informational problems stay in the status, in ms. */
const INFO_MS = 3_600_000

const RuntimesRecord = z.object({ version: z.literal(1), runtimes: z.array(Runtime) })

type Code = HealthProblemCode

export interface HealthOptions {
  runtimes: AgentRuntime[]
  /** File with the runtimes that were found last, so that a start need not wait for them. */
  cachePath: string
  stateDir: string
  environment: NodeJS.ProcessEnv
  /** Space on the disk with the state folder. */
  disk(): Space
  memory(): Space
  clock: Clock
  nextRevision(): number
  onChange(status: MachineStatus): void
  /** Called after the machine was asleep for this time. */
  onAwake(asleepMs: number): void
}

/** The machine's condition: its problems, with their time and remedy. */
export class Health {
  readonly #options: HealthOptions
  readonly #problems = new Map<Code, HealthProblem>()
  readonly reportDamaged: string[] = []
  #found: Runtime[]
  #update: object | undefined
  #revision: number
  #timer: Timer | undefined
  #last: { wall: number; monotonic: number; probed: number; programs: string }
  #probing: Promise<void> | undefined

  constructor(options: HealthOptions) {
    this.#options = options
    const cached = readJson(options.cachePath, RuntimesRecord)
    this.#found = cached.ok ? cached.value.runtimes : []
    this.#revision = options.nextRevision()
    const { clock } = options
    const monotonic = clock.monotonic()
    this.#last = { wall: clock.now(), monotonic, probed: monotonic, programs: this.#programs() }
    this.#checkDisk()
  }

  start() {
    this.#timer = this.#options.clock.setTimeout(() => {
      this.#tick()
      this.start()
    }, CHECK_MS)
  }

  stop() {
    if (this.#timer) this.#options.clock.clearTimeout(this.#timer)
  }

  runtime(name: string): Runtime | undefined {
    return this.#found.find((runtime) => runtime.name === name)
  }

  get acceptsAgents() {
    return !this.#problems.has('disk_full')
  }

  status(): MachineStatus {
    return shorten(MachineStatus, {
      revision: this.#revision,
      runtimes: this.#found,
      problems: [...this.#problems.values()],
      memory: this.#options.memory(),
      disk: this.#options.disk(),
      accepts_agents: this.acceptsAgents,
      ...(this.#update && { update: this.#update }),
    })
  }

  /** Checks everything now: runtimes with their versions and logins, disk, and memory. */
  probe(): Promise<void> {
    this.#probing ??= this.#probe().finally(() => {
      this.#probing = undefined
    })
    return this.#probing
  }

  report(code: Code, problem: Omit<HealthProblem, 'code' | 'since'>) {
    const known = this.#problems.get(code)
    if (known && known.message === problem.message && known.until === problem.until) return
    this.#problems.set(code, { code, since: known?.since ?? this.#now(), ...problem })
    this.#onChange()
  }

  /** Sets the outcome of the last update, for the server. */
  setUpdate(update: object) {
    this.#update = update
    this.#onChange()
  }

  /** Reports that a damaged file of the state folder was moved to `path`. */
  damaged(path: string) {
    this.reportDamaged.push(path)
    this.report('state_damaged', {
      severity: 'warning',
      message: `Damaged files of the state folder were set aside: ${this.reportDamaged.join(', ')}.`,
      remedy: 'Look at them, then delete them; restart the daemon to clear this.',
    })
  }

  clear(code: Code) {
    if (this.#problems.delete(code)) this.#onChange()
  }

  /** Reports problems of the account that agents' activity reveals. */
  observe(event: Event) {
    if (event.kind === 'rate_limit') {
      if (event.status !== 'rejected') return this.clear('usage_limit')
      const until = event.resets_at === undefined ? undefined : foreignTime(event.resets_at * 1000)
      this.report('usage_limit', {
        severity: 'warning',
        message: `The usage limit${event.limit ? ` (${event.limit})` : ''} of the account on this machine is reached.`,
        ...(until && { until, remedy: `It resets at ${until}.` }),
      })
    } else if (event.kind === 'turn_result') {
      if (event.api_error_status === 401 || event.api_error_status === 403)
        this.report('login_expired', {
          severity: 'error',
          message:
            cut(event.text ?? '', Limits.sentence_chars) ||
            'The model service refuses the login of the agents on this machine.',
          remedy: 'Log in again on this machine: run `claude` there and use /login.',
        })
      else if (!event.is_error) this.clear('login_expired')
    }
  }

  /** Reports agents that failed again after each restart, and are held back. */
  crashLoops(agents: { id: string; heldUntil: number | undefined }[]) {
    if (agents.length === 0) return this.clear('crash_loop')
    const until = Math.min(...agents.map(({ heldUntil = 0 }) => heldUntil))
    this.report('crash_loop', {
      severity: 'warning',
      message: `Restarting did not help: ${agents.map(({ id }) => id).join(', ')} ended again each time.`,
      remedy: 'Check its log and stderr. Stop it, or resume it once fixed.',
      until: new Date(until).toISOString(),
    })
  }

  async #probe() {
    const { runtimes, environment, cachePath, clock } = this.#options
    const before = this.#found
    // In a deleted folder, Claude Code does not report its login.
    leaveDeletedFolder()
    this.#found = await Promise.all(runtimes.map((runtime) => runtime.probe({ env: environment })))
    this.#last.probed = clock.monotonic()
    this.#last.programs = this.#programs()
    this.#checkDisk()
    this.#checkMemory()
    for (const found of this.#found)
      this.#judge(
        found,
        before.find(({ name }) => name === found.name),
      )
    if (JSON.stringify(before) === JSON.stringify(this.#found)) return
    try {
      writeAtomic(cachePath, JSON.stringify({ version: 1, runtimes: this.#found }))
    } catch {
      // Only a cache.
    }
    this.#onChange()
  }

  #judge(found: Runtime, before: Runtime | undefined) {
    const problem = found.problem
    const code: Code | undefined = !problem
      ? undefined
      : !found.found
        ? 'runtime_missing'
        : // A program that reports its version works; only that version is unsuitable.
          found.version
          ? 'runtime_too_old'
          : 'runtime_broken'
    for (const other of ['runtime_missing', 'runtime_too_old', 'runtime_broken'] as const)
      if (other !== code) this.clear(other)
    if (code) this.report(code, { severity: 'error', message: problem! })
    if (before?.version && found.version && before.version !== found.version)
      this.report('runtime_changed', {
        severity: 'info',
        message: `${found.name} was updated from ${before.version} to ${found.version}; running agents keep the old version until they are resumed.`,
      })
    if (isLoggedOut(found.login)) {
      const expired = found.login === 'expired'
      this.clear(expired ? 'not_logged_in' : 'login_expired')
      this.report(expired ? 'login_expired' : 'not_logged_in', {
        severity: 'error',
        message: expired
          ? 'The login of Claude Code on this machine has expired.'
          : 'Claude Code is not logged in on this machine.',
        remedy:
          'Run `claude` on this machine as the user of the daemon and log in, or set ANTHROPIC_API_KEY for the daemon.',
      })
    } else if (found.login === 'logged_in') {
      this.clear('not_logged_in')
      if (before?.login === 'expired') this.clear('login_expired')
    }
  }

  #tick() {
    const { clock } = this.#options
    const wall = clock.now()
    const monotonic = clock.monotonic()
    const asleep = wall - this.#last.wall - (monotonic - this.#last.monotonic)
    this.#last.wall = wall
    this.#last.monotonic = monotonic
    if (asleep > ASLEEP_MS) {
      this.report('was_asleep', {
        severity: 'info',
        message: `The machine was asleep, or its clock was set forward, for ${Math.round(asleep / 1000)} s until ${this.#now()}.`,
      })
      this.#options.onAwake(asleep)
    }
    this.#checkDisk()
    this.#checkMemory()
    const limit = this.#problems.get('usage_limit')
    if (limit?.until && Date.parse(limit.until) < wall) this.clear('usage_limit')
    for (const [code, { severity, since }] of [...this.#problems])
      if (severity === 'info' && wall - Date.parse(since) > INFO_MS) this.clear(code)
    if (this.#probeIsDue(monotonic)) void this.probe()
  }

  /** Asking a program costs a tenth of a second of work; checking whether it was replaced costs nothing. */
  #probeIsDue(monotonic: number): boolean {
    if (this.#found.some(({ found }) => !found) || this.#programs() !== this.#last.programs) return true
    const wrong = this.#found.some(({ problem, login }) => problem || isLoggedOut(login))
    return monotonic - this.#last.probed >= (wrong ? MENDING_PROBE_MS : PROBE_MS)
  }

  /** Returns a value that changes when a runtime's program is replaced. */
  #programs(): string {
    return this.#found.map(({ path }) => (path === undefined ? '' : fingerprint(path))).join()
  }

  #checkDisk() {
    const { available_bytes } = this.#options.disk()
    const left = `${Math.round(available_bytes / MIB)} MiB left on the disk with ${this.#options.stateDir}`
    if (available_bytes < DISK_FULL_BYTES) {
      this.clear('disk_low')
      this.report('disk_full', {
        severity: 'error',
        message: `Only ${left}: no new agents.`,
        remedy: 'Free space on it.',
      })
    } else if (available_bytes < DISK_LOW_BYTES) {
      this.clear('disk_full')
      this.report('disk_low', { severity: 'warning', message: `Only ${left}.`, remedy: 'Free space on it.' })
    } else {
      this.clear('disk_low')
      this.clear('disk_full')
    }
  }

  #checkMemory() {
    const { available_bytes } = this.#options.memory()
    if (available_bytes < MEMORY_LOW_BYTES)
      this.report('memory_low', {
        severity: 'warning',
        message: 'Memory is nearly used up; an agent needs about 200 MB.',
        remedy: 'Stop agents that are not needed.',
      })
    else this.clear('memory_low')
  }

  #onChange() {
    this.#revision = this.#options.nextRevision()
    this.#options.onChange(this.status())
  }

  #now() {
    return new Date(this.#options.clock.now()).toISOString()
  }
}

const isLoggedOut = (login: Runtime['login']) => login === 'logged_out' || login === 'expired'
