import { renameSync, rmSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { Logger } from '../../../platform/log.ts'

/**
 * Maximum number of times that a deletion is retried if the process has too many open files, and the delay that is
 * added each time, in milliseconds.
 */
const TRIES = { maxRetries: 5, retryDelay: 1000 }

/** Deletes the folder of an agent. Its name is free at once. @throws the system error */
export async function deleteFolder(dir: string, name: string): Promise<void> {
  const doomed = join(dir, `.removed-${name}-${process.hrtime.bigint()}`)
  renameSync(join(dir, name), doomed)
  await rm(doomed, { recursive: true, force: true, ...TRIES })
}

/** Deletes folders whose deletion an earlier hub did not finish. */
export function clearRemoved(dir: string, names: string[], logger: Logger) {
  for (const name of names.filter((each) => each.startsWith('.removed-')))
    try {
      rmSync(join(dir, name), { recursive: true, force: true })
    } catch (error) {
      logger.warn({ err: error, folder: name }, 'could not delete a removed agent')
    }
}
