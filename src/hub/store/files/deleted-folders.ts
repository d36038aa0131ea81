import { renameSync, rmSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { systemCode } from '../../../platform/errors.ts'
import type { Logger } from '../../../platform/log.ts'

/**
 * Maximum number of times that a deletion is retried if the process has too many open files, and the delay that is
 * added each time, in milliseconds.
 */
const TRIES = { maxRetries: 5, retryDelay: 1000 }

/**
 * Deletes the folder of an agent. Its name is free at once; its files may be deleted later.
 * @throws the system error; in this case, the name is not free
 */
export function deleteFolder(dir: string, name: string, logger: Logger) {
  const path = join(dir, name)
  const doomed = join(dir, `.removed-${name}-${process.hrtime.bigint()}`)
  try {
    renameSync(path, doomed)
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return
    // A full disk may refuse a rename, but not a deletion.
    return rmSync(path, { recursive: true, force: true })
  }
  rm(doomed, { recursive: true, force: true, ...TRIES }).catch((error) =>
    logger.warn({ err: error, agent: name }, 'could not delete activity'),
  )
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
