import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { hubFiles } from '../../../config/hub.ts'
import type { Clock } from '../../../platform/clock.ts'
import { UserError } from '../../../platform/errors.ts'
import { EXIT } from '../../../platform/exit-codes.ts'
import { folderIdentity, goneFolder } from '../../../platform/folder-identity.ts'
import { nameOf, otherHolder } from '../../../platform/lock.ts'

/** Interval between checks of the folder, in milliseconds. */
const LOOK_MS = 2000

/**
 * Detects that the folder of a running hub was deleted, moved, replaced, or emptied. After that, data that
 * the hub accepts would be lost, or mixed with the data of another hub.
 * @param lost called once, when the folder no longer belongs to this hub
 * @returns a function that stops watching
 */
export function watchFolder(
  dir: string,
  { clock, lost }: { clock: Clock; lost: (reason: UserError) => void },
): () => void {
  const first = folderIdentity(dir)
  const lock = join(dir, 'lock')
  const files = [lock, hubFiles(dir).machineKey]
  const look = () => {
    const emptied = files.some((file) => existsSync(file))
      ? undefined
      : `The hub's folder ${dir} was emptied.`
    const message = goneFolder(`the hub's folder ${dir}`, dir, first) ?? emptied
    const reason = message === undefined ? taken(dir, lock) : gone(dir, message)
    if (reason) lost(reason)
    else timer = again()
  }
  const again = () => clock.setTimeout(look, LOOK_MS).unref()
  let timer = again()
  return () => clock.clearTimeout(timer)
}

const gone = (dir: string, message: string) =>
  new UserError('hub_folder_gone', `${message} The hub cannot run without it.`, {
    remedy: `Restore it at ${dir} and start the hub. With an empty folder, the hub would generate new keys that no machine has.`,
    exitCode: EXIT.usage,
  })

/** Returns an error if another hub holds the lock, which can happen while this hub's container is paused. */
function taken(dir: string, lock: string): UserError | undefined {
  let holder: ReturnType<typeof otherHolder>
  try {
    holder = otherHolder(lock)
  } catch {
    // The disk may be failing. The next check tries again.
  }
  return (
    holder &&
    new UserError('hub_running', `Another hub has taken over the folder ${dir}: ${nameOf(holder)}.`, {
      remedy: 'Give each hub its own folder with --data-dir.',
      exitCode: EXIT.refused,
    })
  )
}
