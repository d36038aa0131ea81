import { readdirSync } from 'node:fs'
import { type Running, Stage } from '../../support/stage.ts'
import type { Cleanup } from '../../support/temp.ts'
import { memoryOf } from '../target.ts'

/** A process of the built program. */
export interface Served {
  running: Running
  /** Memory that the process uses, in bytes. */
  memory(): number
  /** @throws Error with the end of the log if the process has ended or has too many open files */
  alive(): void
}

const LOG_CHARS = 4000
/**
 * Maximum number of open files and connections of the process: enough for all simultaneous requests, with a
 * large reserve.
 */
const DESCRIPTORS = 500

export function served(running: Running): Served {
  let end: number | string | undefined
  void running.ended.then((code) => {
    end = code
  })
  return {
    running,
    memory: () => memoryOf(running.pid),
    alive() {
      if (end !== undefined)
        throw new Error(`the process has ended: ${end}\n${running.log().slice(-LOG_CHARS)}`)
      const open = readdirSync(`/proc/${running.pid}/fd`).length
      if (open > DESCRIPTORS) throw new Error(`the process has ${open} open descriptors`)
    },
  }
}

/** A hub in a separate process. */
export async function servedHub(t: Cleanup): Promise<Served & { stage: Stage }> {
  const stage = await Stage.open(t)
  return { stage, ...served(await stage.hub()) }
}
