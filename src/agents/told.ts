import { existsSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import type { Agent } from './agent.ts'

/** Name of the folder that marks current cursors. Earlier versions delete it at their start, like every name that begins with a dot. */
export const MARK = '.told'

/**
 * Reports whether the cursors tell what a server was told. An earlier version leaves them as they are while it tells the
 * server more.
 * @param dir folder of the agents' folders
 */
export const isCurrent = (dir: string): boolean => existsSync(join(dir, MARK))

/** Saves the cursors of all agents and marks them as current. A full disk leaves them unmarked. */
export function makeCurrent(dir: string, agents: Iterable<Agent>) {
  if (isCurrent(dir)) return
  try {
    for (const agent of agents) agent.save()
    // A folder, since everything here is one.
    mkdirSync(join(dir, MARK), { mode: 0o700 })
  } catch {
    // A full disk, or too few descriptors.
  }
}
