import { existsSync, readlinkSync } from 'node:fs'
import type { AgentProblem } from '../../protocol/index.ts'
import type { ProcessRecord } from '../disk/records.ts'

/** Suffix that Linux appends to the path of a deleted file. */
const DELETED = ' (deleted)'

interface Running {
  hasEnded: boolean
  process: ProcessRecord | undefined
  touch(): void
}

/** Deleted programs, by the agents that run them. */
const gone = new WeakMap<object, string>()

/**
 * Checks whether a running agent's program was deleted, for example by an update, and sends the agent's status
 * if so.
 */
export function checkProgram(agent: Running) {
  const path = agent.hasEnded ? undefined : deletedProgram(agent.process?.agent.pid)
  if (path === gone.get(agent)) return
  if (path === undefined) gone.delete(agent)
  else gone.set(agent, path)
  agent.touch()
}

/** Returns the problem for the status of an agent whose program was deleted. */
export function programProblem(agent: object): AgentProblem[] {
  const name = gone.get(agent)
  const detail = 'Tools that run the program again, such as Grep, fail. Stop the agent and resume it.'
  return name === undefined ? [] : [{ kind: 'program', name, status: 'deleted', detail }]
}

/** @returns undefined if the program exists, was replaced, or cannot be determined */
function deletedProgram(pid: number | undefined): string | undefined {
  try {
    const target = readlinkSync(`/proc/${pid}/exe`)
    const path = target.endsWith(DELETED) ? target.slice(0, -DELETED.length) : undefined
    return path === undefined || existsSync(path) ? undefined : path
  } catch {
    return undefined
  }
}
