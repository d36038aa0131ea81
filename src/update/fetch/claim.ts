import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { makeFolder } from '../../platform/files.ts'
import { awaitLock, LockHeldError, nameOf } from '../../platform/lock.ts'
import { asFailure, UpdateFailure } from '../failure.ts'
import { installedProgram, lockPath, workDir } from '../switch/paths.ts'
import { putBack } from '../switch/place.ts'
import type { Target } from '../switch/target.ts'
import { standInAt } from '../switch/trial.ts'

const STAGING = '.stage-'
/**
 * Maximum age of the stand-in of a trial, in ms. A trial takes a few minutes, so an older stand-in belongs to
 * a daemon that no longer exists.
 */
const ABANDONED_MS = 60 * 60_000

/**
 * Locks an installation for one update.
 * @param warn function that gets the reason if this function must wait for the lock
 * @returns a function that unlocks the installation
 * @throws UpdateFailure
 */
export async function claim({ layout, root }: Target, warn: (message: string) => void): Promise<() => void> {
  try {
    makeFolder(workDir(layout, root))
    return await awaitLock(lockPath(layout, root), warn)
  } catch (error) {
    if (error instanceof LockHeldError)
      throw new UpdateFailure(
        'update_running',
        'resolve',
        `This installation is already being updated by ${nameOf(error.holder)}.`,
        { remedy: 'Wait until that update is done.' },
      )
    throw asFailure(error, 'resolve')
  }
}

/**
 * Removes the remaining files of interrupted updates from a locked installation.
 * @returns a new folder for the files of this update
 * @throws UpdateFailure if another daemon has a version on trial
 */
export function openStaging(target: Target): string {
  const dir = workDir(target.layout, target.root)
  for (const name of readdirSync(dir))
    if (name.startsWith(STAGING)) rmSync(join(dir, name), { recursive: true, force: true })
  endAbandoned(target)
  return mkdtempSync(join(dir, STAGING))
}

/**
 * Ends an abandoned trial. This update would otherwise treat the stand-in of that trial as the working
 * version.
 */
function endAbandoned(target: Target) {
  const facts = standInAt(installedProgram(target))
  if (!facts) return
  if (Date.now() - facts.since < ABANDONED_MS)
    throw new UpdateFailure(
      'update_running',
      'resolve',
      'Another daemon of this installation has a version on trial.',
      { remedy: 'Wait until the trial is over.' },
    )
  putBack({ ...target, ...facts })
}
