import type { Event } from '../../../src/protocol/index.ts'
import type { Issued, Known } from '../driver.ts'
import type { Kill } from '../faults.ts'
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
  commands: Issued[]
  /** The hub's history; undefined where it was deleted with the agent. */
  history?: Event[]
  kills: Kill[]
  /** First byte of its journal that is still on its machine. */
  begin: number
  /** Its machine's disk was full at some time. */
  diskWasFull: boolean
}

export type Judge = (agent: Case) => string[]
