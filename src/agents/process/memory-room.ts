import type { Space } from '../../platform/disk.ts'
import type { Agent } from '../agent.ts'

const MIB = 1024 * 1024
/** Pressure from which no agent is started, in percent: programs already wait for memory a tenth of the time. */
const MOST_PRESSURE = 10
/** Maximum share of the machine's memory that stays free by default. */
const RESERVED_SHARE = 1 / 8

/** Why an agent cannot be launched yet, for people. */
export interface Wait {
  reason: string
  remedy?: string
}

export interface MemoryRoomOptions {
  memory(): Space
  /** Share of the time in which programs wait for memory, in percent; undefined if it is unknown. */
  pressure(): number | undefined
  /** Memory that agents leave free, in bytes, at most an eighth of the machine's unless it was chosen. */
  reserve(): { bytes: number; chosen: boolean }
  /** Returns the memory that an agent of a runtime is expected to use, in bytes. */
  peakOf(runtime: string): number
}

/** Decides whether there is memory for one more agent. */
export class MemoryRoom {
  readonly #options: MemoryRoomOptions

  constructor(options: MemoryRoomOptions) {
    this.#options = options
  }

  /**
   * Returns why an agent must wait for memory; undefined if it may start. If no other agent runs, waiting would not
   * help: it may start.
   * @param others all agents that were launched and have not ended. Those that are not ready yet still take memory.
   */
  waitOf(agent: Agent, others: readonly Agent[]): Wait | undefined {
    if (others.length === 0) return undefined
    const { memory, pressure, peakOf } = this.#options
    const share = pressure()
    const remedy = 'Stop agents that are not needed, or end other programs.'
    if (share !== undefined && share >= MOST_PRESSURE)
      return {
        reason: `The machine is short of memory: its programs wait for it ${Math.round(share)} % of the time.`,
        remedy,
      }
    const { total_bytes, available_bytes } = memory()
    const starting = others.filter(({ isReady, launching }) => !isReady && !launching.slow)
    const promised = starting.reduce((bytes, { record }) => bytes + peakOf(record.spec.runtime), 0)
    const needed = peakOf(agent.record.spec.runtime)
    const free = available_bytes - promised - this.#reserve(total_bytes)
    if (free >= needed) return undefined
    return {
      reason: `The agent needs about ${mib(needed)} of memory, but the machine has only ${mib(Math.max(0, free))} to spare.`,
      remedy,
    }
  }

  #reserve(total: number): number {
    const { bytes, chosen } = this.#options.reserve()
    return chosen ? bytes : Math.min(bytes, total * RESERVED_SHARE)
  }
}

const mib = (bytes: number) => `${Math.round(bytes / MIB)} MiB`
