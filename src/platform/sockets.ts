import { accessSync, constants, fstatSync, openSync, readFileSync, statSync } from 'node:fs'
import { dirname } from 'node:path'
import { isOpen } from './group-members.ts'

/** What `/proc/net/unix` has in its column of flags for a socket that takes connections. */
const LISTENS = '00010000'
/** Opens what a path leads to for its identity alone, whatever it is; Node has no name for it. */
const O_PATH = 0o10000000

/**
 * Paths of all unix sockets of this machine that take connections, whoever's they are, as they were bound. Empty where
 * the system does not tell.
 */
export function listeningPaths(): string[] {
  let table: string
  try {
    // Paths are bytes.
    table = readFileSync('/proc/net/unix', 'latin1')
  } catch {
    return []
  }
  return table.split('\n').flatMap((line) => {
    const [, flags, path] = /^\S+: \S+ \S+ (\S+) \S+ \S+ +\d+ (\/.*)$/.exec(line) ?? []
    return path !== undefined && flags === LISTENS ? [Buffer.from(path, 'latin1').toString('utf8')] : []
  })
}

/** Whether another user could put anything into a folder, at any moment: its owner, its group, or everybody. */
export function isForeign(dir: string): boolean {
  const found = statSync(dir, { throwIfNoEntry: false })
  if (found === undefined || process.getuid === undefined) return false
  return found.uid !== process.getuid() || isOpen(found)
}

/** Whether a folder is neither this user's alone nor a volume of root's that only this user, besides root, can write to. */
export function isOpenToOthers(dir: string): boolean {
  const found = statSync(dir, { throwIfNoEntry: false })
  return found?.uid === 0 && isWritable(dir) ? isOpen(found, process.geteuid?.()) : isForeign(dir)
}

function isWritable(dir: string): boolean {
  try {
    accessSync(dir, constants.W_OK)
    return true
  } catch {
    return false
  }
}

/**
 * The address of a socket in another user's folder. It leads to the very socket that was looked at, which that user, root
 * or this user has made, as in a container's volume that belongs to root: a link that is put there instead leads nowhere.
 * @throws the system's error
 */
export function addressOfForeign(path: string): string {
  const owner = statSync(dirname(path)).uid
  const fd = openSync(path, O_PATH | constants.O_NOFOLLOW)
  const found = fstatSync(fd)
  if (found.isSocket() && [owner, 0, process.geteuid?.()].includes(found.uid)) return `/proc/self/fd/${fd}`
  throw Object.assign(new Error(`${path} is not a socket of the folder's owner`), { code: 'ENOTSOCK' })
}
