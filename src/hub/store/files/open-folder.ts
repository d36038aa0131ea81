import { join } from 'node:path'
import { ON_TRIAL } from '../../../config/environment.ts'
import { HUB_UPGRADES } from '../../../config/format.ts'
import { checkFolder } from '../../../config/ownership-policy.ts'
import { UserError } from '../../../platform/errors.ts'
import { EXIT } from '../../../platform/exit-codes.ts'
import { clearTemporary, ensurePrivateDir } from '../../../platform/files.ts'
import { readFormat, upgradeFolder } from '../../../platform/format.ts'
import { type LockHeldError, nameOf, takeLock } from '../../../platform/lock.ts'
import type { Logger } from '../../../platform/log.ts'
import type { OwnershipFault } from '../../../platform/ownership.ts'

export interface OpenFolderOptions {
  /** The hub's folder, created if missing. */
  dir: string
  /** Ownership faults of other files, which are treated like faults of the folder. */
  faults: OwnershipFault[]
  /** Refuses a folder that other users can write to. */
  strict: boolean
  logger: Logger
}

/**
 * Checks, locks, and upgrades the hub's folder, and removes incomplete files of a killed hub.
 * @returns a function that unlocks the folder
 * @throws UserError
 */
export async function openFolder({ dir, faults, strict, logger }: OpenFolderOptions): Promise<() => void> {
  const ground = checkFolder(dir, { faults, strict })
  ensurePrivateDir(dir)
  // Refuses a folder of a newer version, before the program changes any file in it, including the lock.
  readFormat(dir, HUB_UPGRADES)
  const unlock = await takeLock(join(dir, 'lock'), (text) => logger.warn(text), hubRunning)
  try {
    clearTemporary(dir, { sole: true })
    ground.remember()
    for (const warning of ground.warnings) logger.warn(warning)
    if (process.env[ON_TRIAL] !== '1') upgradeFolder(dir, HUB_UPGRADES)
    return unlock
  } catch (error) {
    unlock()
    throw error
  }
}

const hubRunning = ({ holder }: LockHeldError) =>
  new UserError('hub_running', `A hub is already running on this folder: ${nameOf(holder)}.`, {
    remedy: 'Use that hub, or choose another folder with --data-dir.',
    exitCode: EXIT.refused,
  })
