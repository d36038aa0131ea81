import type { RuntimeAdapter } from '../agents/runtimes/runtime.ts'
import type { Timer } from '../platform/clock.ts'
import { Emitter } from '../platform/emitter.ts'
import {
  type Event,
  type HealthProblem,
  type HealthProblemCode,
  type MachineLoad,
  type MachinePolicy,
  MachineStatus,
  type Runtime,
} from '../protocol/index.ts'
import { shortenTo } from '../protocol/schema-check.ts'
import { checkAccount, checkCrashLoops } from './activity-checks.ts'
import { MachineChecks, type MachineChecksOptions } from './machine-checks.ts'
import { Problems } from './problems.ts'
import { RuntimeChecks, type RuntimeChecksOptions } from './runtime-checks.ts'

/** Interval between checks of disk, memory and clock, in ms. */
const CHECK_MS = 15_000

export interface HealthOptions
  extends Omit<MachineChecksOptions, 'problems'>,
    Omit<RuntimeChecksOptions, 'problems'> {
  nextRevision(): number
  load(): MachineLoad
}

interface HealthEvents {
  change: [status: MachineStatus]
  /** Emitted when the machine wakes up, with the time that it slept, in ms. */
  awake: [asleepMs: number]
  /** Emitted at each regular check. */
  check: []
}

/** Collects the machine's condition, which its status reports to the server. */
export class Health {
  readonly events = new Emitter<HealthEvents>()
  readonly #options: HealthOptions
  readonly #problems: Problems
  readonly #machine: MachineChecks
  readonly #runtimes: RuntimeChecks
  #update: object | undefined
  #policy: MachinePolicy | undefined
  #revision: number
  #timer: Timer | undefined
  #probing: Promise<void> | undefined

  constructor(options: HealthOptions) {
    this.#options = options
    const problems = new Problems(options.clock)
    this.#problems = problems
    this.#machine = new MachineChecks({ ...options, problems })
    this.#runtimes = new RuntimeChecks({ ...options, problems })
    this.#revision = options.nextRevision()
    this.#machine.checkDisk()
    problems.events.on('change', () => this.#onChange())
  }

  start() {
    this.#timer = this.#options.clock.setTimeout(() => {
      this.#check()
      this.start()
    }, CHECK_MS)
  }

  stop() {
    if (this.#timer) this.#options.clock.clearTimeout(this.#timer)
  }

  runtime(name: string): Runtime | undefined {
    return this.#runtimes.found.find((runtime) => runtime.name === name)
  }

  get acceptsAgents() {
    return !this.#problems.has('disk_full')
  }

  status(): MachineStatus {
    return shortenTo(MachineStatus, {
      revision: this.#revision,
      runtimes: this.#runtimes.found,
      problems: [...this.#problems],
      memory: this.#options.memory(),
      disk: this.#options.disk(),
      load: this.#options.load(),
      accepts_agents: this.acceptsAgents,
      ...(this.#update && { update: this.#update }),
      ...(this.#policy && { policy: this.#policy }),
    })
  }

  /** Checks the runtimes with their versions and logins, the disk, and the memory at once. */
  probe(): Promise<void> {
    this.#probing ??= this.#probe().finally(() => {
      this.#probing = undefined
    })
    return this.#probing
  }

  /** @see Problems.report */
  report(code: HealthProblemCode, problem: Omit<HealthProblem, 'code' | 'since'>) {
    this.#problems.report(code, problem)
  }

  clear(code: HealthProblemCode) {
    this.#problems.clear(code)
  }

  /** @see Problems.damaged */
  damaged(path: string) {
    this.#problems.damaged(path)
  }

  /** Sets the outcome of the last update, which the machine's status contains. */
  setUpdate(update: object) {
    this.#update = update
    this.#onChange()
  }

  /** Sets the summary of the policy, which the machine's status contains. */
  setPolicy(policy: MachinePolicy) {
    this.#policy = policy
    this.#onChange()
  }

  /** @see checkAccount */
  observe(event: Event, runtime: Pick<RuntimeAdapter, 'loginRemedy'>) {
    checkAccount(event, runtime, this.#problems)
  }

  /** @see checkCrashLoops */
  crashLoops(agents: { id: string; heldUntil: number | undefined }[]) {
    checkCrashLoops(agents, this.#problems)
  }

  async #probe() {
    const isChanged = await this.#runtimes.probe()
    this.#machine.checkDisk()
    this.#machine.checkMemory()
    if (isChanged) this.#onChange()
  }

  #check() {
    const asleepMs = this.#machine.checkSleep()
    if (asleepMs !== undefined) this.events.emit('awake', asleepMs)
    this.events.emit('check')
    this.#machine.checkDisk()
    this.#machine.checkMemory()
    this.#problems.expire()
    if (this.#runtimes.isProbeDue) void this.probe()
  }

  #onChange() {
    this.#revision = this.#options.nextRevision()
    this.events.emit('change', this.status())
  }
}
