import type { MachineLimits } from '../../config/hub-limits.ts'
import type { Clock } from '../../platform/clock.ts'
import type { Journals } from '../store/journals.ts'
import type { AgentRegistry } from './agent-registry.ts'

/**
 * Maximum age, in milliseconds, of the cached total size of a machine's histories. Adding up the sizes of
 * many histories is slow.
 */
const FRESH_MS = 1000

export interface QuotasOptions {
  limits: MachineLimits
  agents: AgentRegistry
  journals: Journals
  clock: Clock
}

/** Enforces the limits of each machine. */
export class Quotas {
  readonly #options: QuotasOptions
  readonly #histories = new Map<string, { bytes: number; at: number }>()

  constructor(options: QuotasOptions) {
    this.#options = options
  }

  /**
   * Returns the limit that the machine has reached; undefined if it has reached none. The hub refuses the
   * activity of a machine that has reached a limit.
   */
  beyond(machineId: string): Exclude<keyof MachineLimits, 'agents'> | undefined {
    const { limits, journals } = this.#options
    if (journals.waitingOf(machineId) >= limits.in_flight_bytes) return 'in_flight_bytes'
    return this.historyBytes(machineId) >= limits.history_bytes ? 'history_bytes' : undefined
  }

  limit(name: keyof MachineLimits): number {
    return this.#options.limits[name]
  }

  /** Returns the size of the histories of a machine's agents, in bytes, at most one second old. */
  historyBytes(machineId: string): number {
    const { agents, journals, clock } = this.#options
    const now = clock.monotonic()
    const known = this.#histories.get(machineId)
    if (known && now - known.at < FRESH_MS) return known.bytes
    let bytes = 0
    for (const key of agents.keysOf(machineId)) bytes += journals.stateOf(key).bytes
    this.#histories.set(machineId, { bytes, at: now })
    return bytes
  }

  /** Discards the cached totals after histories were deleted or moved. */
  onChange() {
    this.#histories.clear()
  }
}
