import type { Space } from '../../platform/disk.ts'
import type { Agent } from '../agent.ts'

const MIB = 1024 * 1024
/**
 * Memory pressure at which the daemon stops starting agents, in percent: the share of time in which programs
 * wait for memory.
 */
const MOST_PRESSURE = 10
/** Maximum of the default for `reserve`, as a share of the machine's memory. */
const RESERVED_SHARE = 1 / 8

/** Text for people that says why an agent cannot be launched yet. */
export interface Wait {
  reason: string
  remedy?: string
}

export interface MemoryRoomOptions {
  memory(): Space
  /** Share of the time in which programs wait for memory, in percent; undefined if it is unknown. */
  pressure(): number | undefined
  /**
   * Memory that must stay free, in bytes. The default is limited to an eighth of the machine's memory; a
   * `chosen` value is not limited.
   */
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
   * Returns why an agent must wait for memory; undefined if it may start. If no other agent runs, the agent
   * may start, since waiting would not free memory.
   * @param others all agents that were launched and have not ended. Agents that are not ready yet are
   * expected to need more memory.
   */
  waitOf(agent: Agent, others: readonly Agent[]): Wait | undefined {
    if (others.length === 0) return undefined
    const { memory, pressure, peakOf } = this.#options
    const share = pressure()
    const remedy = 'Stop agents that are not needed, or end other programs.'
    if (share !== undefined && share >= MOST_PRESSURE)
      return {
        reason: `Memory is short on this machine: programs wait for memory ${Math.round(share)} % of the time.`,
        remedy,
      }
    const { total_bytes, available_bytes } = memory()
    const starting = others.filter(({ isReady }) => !isReady)
    const promised = starting.reduce((bytes, { record }) => bytes + peakOf(record.spec.runtime), 0)
    const needed = peakOf(agent.record.spec.runtime)
    const free = available_bytes - promised - this.#reserve(total_bytes)
    if (free >= needed) return undefined
    return {
      reason: `The agent needs about ${mib(needed)} of memory, but the machine can give it only ${mib(Math.max(0, free))}.`,
      remedy,
    }
  }

  #reserve(total: number): number {
    const { bytes, chosen } = this.#options.reserve()
    return chosen ? bytes : Math.min(bytes, total * RESERVED_SHARE)
  }
}

const mib = (bytes: number) => `${Math.round(bytes / MIB)} MiB`
