import { existsSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import type { Agent } from './agent.ts'

/** Versions that do not know it delete it when they start, as they do with everything there that begins with a dot. */
export const MARK = '.told'

/**
 * Whether every daemon since the last cursors were written knows that they say what a server was told. An earlier version
 * leaves that as it is while it tells the server more.
 * @param dir folder of the agents' folders
 */
export const isCurrent = (dir: string): boolean => existsSync(join(dir, MARK))

/** Writes the cursors of all agents anew, so that the next daemon can believe them. On a full disk it does not. */
export function makeCurrent(dir: string, agents: Iterable<Agent>) {
  if (isCurrent(dir)) return
  try {
    for (const agent of agents) agent.save()
    // A folder: earlier versions take it for that of an agent without files.
    mkdirSync(join(dir, MARK), { mode: 0o700 })
  } catch {
    // A full disk, or too few descriptors.
  }
}
