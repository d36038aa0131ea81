import type { Event } from '../../../src/protocol/index.ts'
import type { Known } from '../driver.ts'
import type { Kill } from '../faults.ts'
import type { Issued } from '../orders.ts'
import type { ProcessTruth } from '../truth.ts'

/** Something that must not be. */
export interface Violation {
  what: string
  agent?: string
  detail: string
}

/** All that is known of one agent when everything is over. */
export interface Case {
  known: Known
  processes: ProcessTruth[]
  /** One, and one more for each time its machine was set back while it was there. */
  lives: number
  commands: Issued[]
  /** The hub's history; undefined where it was deleted with the agent. */
  history?: Event[]
  kills: Kill[]
  /** What the hub had of it at each time when its machine was set back. */
  kept: Event[][]
  /** When its machine was set back last, in ms since 1970; undefined if never. */
  setBack: number | undefined
  /** First byte of its journal that is still on its machine. */
  begin: number
  /** Its machine was short of descriptors or processes at some time. */
  limited: boolean
  /** Its machine's disk was full at some time. */
  diskWasFull: boolean
}

export type Judge = (agent: Case) => string[]
