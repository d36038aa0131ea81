import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

export interface Written {
  line: string
  /** True if the agent survived the write. If not, the line may be complete, incomplete, or missing. */
  whole: boolean
}

export interface Input {
  type: 'user' | 'control_request' | 'control_response'
  /** Id of a prompt. */
  id?: string
  uuid?: string
  digest?: string
  request_id?: string
  request?: { subtype: string }
  response?: {
    request_id: string
    response: { behavior: string; message?: string; updatedInput?: { by?: string } }
  }
}

/** A process of an agent, from its own records. */
export interface ProcessTruth {
  run: number
  pid: number
  session: string
  /** In ms since 1970. */
  began: number
  /** Number of earlier rollbacks of the machine while the agent existed. */
  life: number
  /** Time when the process began to read, in ms since 1970. */
  ready?: number
  written: Written[]
  inputs: Input[]
  /** Ids of the prompts that the process executed. */
  acted: string[]
  exit?: number
  violations: string[]
  /** Number of times that the process found the disk full. */
  full: number
}

/**
 * Returns the records of an agent: its processes, oldest first, and its number of lives. Each rollback of its
 * machine begins a new life.
 */
export function truthOf(logs: string, agentId: string): { processes: ProcessTruth[]; lives: number } {
  const path = join(logs, `${agentId}.log`)
  if (!existsSync(path)) return { processes: [], lives: 1 }
  const processes: ProcessTruth[] = []
  const strays: string[] = []
  let life = 0
  for (const entry of readFileSync(path, 'utf8').split('\n')) {
    const [kind, text] = [entry[0], entry.slice(2)]
    const now = processes.at(-1)
    if (kind === 'S')
      processes.push({
        ...(JSON.parse(text) as Pick<ProcessTruth, 'run' | 'pid' | 'session' | 'began'>),
        life,
        written: [],
        inputs: [],
        acted: [],
        violations: strays.splice(0),
        full: 0,
      })
    else if (kind === 'B') life++
    else if (kind === 'V') (now?.violations ?? strays).push(text)
    else if (!now) continue
    else if (kind === 'R') now.ready = Number(text)
    else if (kind === 'O') now.written.push({ line: text, whole: false })
    else if (kind === 'W') now.written.at(-1)!.whole = true
    else if (kind === 'I') now.inputs.push(JSON.parse(text))
    else if (kind === 'A') now.acted.push(text)
    else if (kind === 'X') now.exit = Number(text)
    else if (kind === 'F') now.full++
  }
  return { processes, lives: life + 1 }
}
