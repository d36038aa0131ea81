import type { Event } from '../../../src/protocol/index.ts'
import type { Known } from '../agents.ts'
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
  /** 1, plus 1 for each rollback of the agent's machine while the agent existed. */
  lives: number
  commands: Issued[]
  /** The agent's history at the hub, or undefined if it was deleted with the agent. */
  history?: Event[]
  kills: Kill[]
  /** The events that the hub had for the agent at each rollback of the agent's machine. */
  kept: Event[][]
  /**
   * Time of the last rollback of the agent's machine, in ms since 1970, or undefined if there was no
   * rollback.
   */
  setBack: number | undefined
  /** Offset of the first byte of the agent's journal that is still on the machine. */
  begin: number
  /** True if the agent's machine was short of descriptors or processes at some time. */
  limited: boolean
  /** True if the disk of the agent's machine was full at some time. */
  diskWasFull: boolean
}

export type Judge = (agent: Case) => string[]
