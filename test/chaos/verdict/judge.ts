import type { Event } from '../../../src/protocol/index.ts'
import type { Known } from '../driver.ts'
import type { Kill } from '../faults.ts'
import type { Issued } from '../orders.ts'
import type { ProcessTruth } from '../truth.ts'

/** A violation of a promise. */
export interface Violation {
  what: string
  agent?: string
  detail: string
}

/** Everything known about one agent at the end of a run. */
export interface Case {
  known: Known
  processes: ProcessTruth[]
  /** 1, plus 1 for each rollback of its machine while the agent existed. */
  lives: number
  commands: Issued[]
  /** The hub's history; undefined if it was deleted with the agent. */
  history?: Event[]
  kills: Kill[]
  /** The hub's events for the agent at each rollback of its machine. */
  kept: Event[][]
  /** Time of the last rollback of its machine, in ms since 1970; undefined if there was none. */
  setBack: number | undefined
  /** Offset of the first byte of its journal that is still on its machine. */
  begin: number
  /** True if its machine was short of descriptors or processes at some time. */
  limited: boolean
  /** True if its machine's disk was full at some time. */
  diskWasFull: boolean
}

export type Judge = (agent: Case) => string[]
