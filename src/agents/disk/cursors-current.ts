import { existsSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'

/**
 * Folder that marks cursors as current. Earlier versions delete this folder when they start, because they
 * delete all names that begin with a dot.
 */
export const CURRENT_MARK = '.told'

/**
 * Reports whether the cursors record everything that was sent to a server. Earlier versions do not update the
 * cursors when they send activity.
 * @param dir folder that contains the agents' folders
 */
export const isCurrent = (dir: string): boolean => existsSync(join(dir, CURRENT_MARK))

/** Saves the cursors of all agents and marks them as current. On a full disk, the cursors are not marked. */
export function makeCurrent(dir: string, agents: Iterable<{ save(): void }>) {
  if (isCurrent(dir)) return
  try {
    for (const agent of agents) agent.save()
    // The mark is a folder, like all other entries here.
    mkdirSync(join(dir, CURRENT_MARK), { mode: 0o700 })
  } catch {
    // The disk is full, or no file descriptors are free.
  }
}
