import { renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { systemCode } from '../../platform/errors.ts'
import type { AgentFolder } from './folder.ts'

/** Ending of the name of a withdrawn prompt's file, in the agent's folder. */
const ENDING = '.withdrawn'

/**
 * Takes the file of a prompt away from the feeder of the agent's next run. If this daemon is killed afterward,
 * the next daemon finds the renamed file.
 * @throws the file system's error
 */
export function takeAway({ dir, inbox, fed }: AgentFolder, name: string) {
  const aside = join(dir, name + ENDING)
  if (!isRenamed(join(inbox, name), aside)) isRenamed(join(fed, name), aside)
}

/** Returns the former name of a file that was taken away; undefined for other files. */
export const takenName = (name: string): string | undefined =>
  name.endsWith(ENDING) ? name.slice(0, -ENDING.length) : undefined

export const deleteTaken = ({ dir }: AgentFolder, name: string) =>
  rmSync(join(dir, name + ENDING), { force: true })

/** @returns false if there is no such file @throws the file system's error */
function isRenamed(from: string, to: string): boolean {
  try {
    renameSync(from, to)
    return true
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return false
    throw error
  }
}
