import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { hubFiles } from '../config/hub.ts'
import { UserError } from '../platform/errors.ts'
import { folderIdentity, goneFolder } from '../platform/folder-identity.ts'
import { nameOf, otherHolder } from '../platform/lock.ts'

/** How often the folder is looked at. */
const LOOK_MS = 2000

/**
 * Watches the folder of a running hub, which others may delete, move, replace or empty. What a hub takes in from then on
 * would be lost, or mixed up with another hub's.
 * @param lost is called once, when the folder is not this hub's any more
 * @returns a function that ends the watching
 */
export function watchFolder(dir: string, lost: (reason: UserError) => void): () => void {
  const first = folderIdentity(dir)
  const lock = join(dir, 'lock')
  const files = [lock, hubFiles(dir).machineKey]
  const timer = setInterval(() => {
    const emptied = files.some((file) => existsSync(file))
      ? undefined
      : `The hub's folder ${dir} was emptied.`
    const message = goneFolder(`the hub's folder ${dir}`, dir, first) ?? emptied
    const reason = message === undefined ? taken(dir, lock) : gone(dir, message)
    if (!reason) return
    clearInterval(timer)
    lost(reason)
  }, LOOK_MS).unref()
  return () => clearInterval(timer)
}

const gone = (dir: string, message: string) =>
  new UserError('hub_folder_gone', `${message} The hub cannot go on without it.`, {
    remedy: `Put it back at ${dir} and start the hub; with an empty folder it would make new keys, which no machine has.`,
    exitCode: 2,
  })

/** A hub that was paused, as its container can be, counts as gone meanwhile. */
function taken(dir: string, lock: string): UserError | undefined {
  let holder: ReturnType<typeof otherHolder>
  try {
    holder = otherHolder(lock)
  } catch {
    // A disk in trouble: looked at again.
  }
  return (
    holder &&
    new UserError('hub_running', `Another hub has taken the folder ${dir} over: ${nameOf(holder)}.`, {
      remedy: 'Give each hub a folder of its own (--data-dir).',
      exitCode: 4,
    })
  )
}
