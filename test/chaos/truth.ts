import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

export interface Written {
  line: string
  /** The agent lived to see it written. Otherwise it may be there, in part, or not at all. */
  whole: boolean
}

export interface Input {
  type: 'user' | 'control_request' | 'control_response'
  /** Of a prompt. */
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

/** One process of an agent, by its own account. */
export interface ProcessTruth {
  run: number
  pid: number
  session: string
  /** In ms since 1970. */
  began: number
  /** How often its machine had been set back before, as far as the agent had been there. */
  life: number
  /** When it began to read, in ms since 1970. */
  ready?: number
  written: Written[]
  inputs: Input[]
  /** Prompts it acted on. */
  acted: string[]
  exit?: number
  violations: string[]
  /** How often it met a full disk. */
  full: number
}

/** What an agent really wrote, read and did: the processes it has had, the oldest first, in so many lives. */
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
