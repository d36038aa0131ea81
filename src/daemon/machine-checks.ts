import type { Clock } from '../platform/clock.ts'
import type { Space } from '../platform/disk.ts'
import type { Problems } from './problems.ts'

const MIB = 1024 * 1024
/** Free disk space below which the daemon warns the server, in bytes. */
const DISK_LOW_BYTES = 1024 * MIB
/**
 * Free disk space below which no new agent is started, in bytes. Running agents need this space for their
 * journals.
 */
const DISK_FULL_BYTES = 200 * MIB
/**
 * Available memory, in bytes, below which one more agent would leave too little memory for running agents.
 */
const MEMORY_LOW_BYTES = 400 * MIB
/** If the clock jumps by at least this time, in ms, the daemon concludes that the machine slept. */
const ASLEEP_MS = 30_000

export interface MachineChecksOptions {
  stateDir: string
  /** Space on the disk that holds the state folder. */
  disk(): Space
  memory(): Space
  clock: Clock
  problems: Problems
}

/** Checks disk, memory, and clock of the machine. */
export class MachineChecks {
  readonly #options: MachineChecksOptions
  #last: { wall: number; monotonic: number }

  constructor(options: MachineChecksOptions) {
    this.#options = options
    this.#last = this.#times()
  }

  checkDisk() {
    const { problems, disk, stateDir } = this.#options
    const { available_bytes } = disk()
    const left = `${Math.round(available_bytes / MIB)} MiB left on the disk with ${stateDir}`
    const remedy = 'Free space on this disk.'
    if (available_bytes < DISK_FULL_BYTES) {
      problems.clear('disk_low')
      problems.report('disk_full', {
        severity: 'error',
        message: `Only ${left}, so no new agents are started.`,
        remedy,
      })
    } else if (available_bytes < DISK_LOW_BYTES) {
      problems.clear('disk_full')
      problems.report('disk_low', { severity: 'warning', message: `Only ${left}.`, remedy })
    } else {
      problems.clear('disk_low')
      problems.clear('disk_full')
    }
  }

  checkMemory() {
    const { problems, memory } = this.#options
    if (memory().available_bytes >= MEMORY_LOW_BYTES) return problems.clear('memory_low')
    problems.report('memory_low', {
      severity: 'warning',
      message: 'Memory is nearly used up. An agent needs about 200 MB.',
      remedy: 'Stop agents that are not needed.',
    })
  }

  /**
   * Returns the time for which the machine slept since the last check, in ms; undefined if it did not sleep.
   */
  checkSleep(): number | undefined {
    const { problems } = this.#options
    const { wall, monotonic } = this.#last
    const now = this.#times()
    this.#last = now
    const asleepMs = now.wall - wall - (now.monotonic - monotonic)
    if (asleepMs <= ASLEEP_MS) return undefined
    problems.report('was_asleep', {
      severity: 'info',
      message: `The machine slept for ${Math.round(asleepMs / 1000)} s until ${new Date(now.wall).toISOString()}, or its clock was set forward by this time.`,
    })
    return asleepMs
  }

  #times() {
    const { clock } = this.#options
    return { wall: clock.now(), monotonic: clock.monotonic() }
  }
}
