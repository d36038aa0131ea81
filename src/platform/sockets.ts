import { accessSync, constants, fstatSync, openSync, readFileSync, statSync } from 'node:fs'
import { dirname } from 'node:path'
import { isOpen } from './group-members.ts'

/** The value of `Flags` in `/proc/net/unix` for a socket that accepts connections. */
const LISTENS = '00010000'
/**
 * The flag O_PATH of open(2), for which Node has no constant. It opens any type of file, only to identify it.
 */
const O_PATH = 0o10000000

/**
 * Returns the paths of all listening Unix sockets of any user. Empty if the system does not reveal these
 * paths.
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

/** Reports whether a folder belongs to another user, or its group or everyone may write to it. */
export function isForeign(dir: string): boolean {
  const found = statSync(dir, { throwIfNoEntry: false })
  if (found === undefined || process.getuid === undefined) return false
  return found.uid !== process.getuid() || isOpen(found)
}

/**
 * Reports whether a folder is open to other users. The folder is closed if it belongs only to this user, or
 * is a volume of root that only this user and root can write to.
 */
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
 * Returns an address for a socket in another user's folder. The socket must belong to the folder's owner, to
 * root (as in a container's volume that root owns), or to this user. The address leads to the socket that was
 * checked, even if someone later puts a link in its place.
 * @throws the system's error
 */
export function addressOfForeign(path: string): string {
  const owner = statSync(dirname(path)).uid
  const fd = openSync(path, O_PATH | constants.O_NOFOLLOW)
  const found = fstatSync(fd)
  if (found.isSocket() && [owner, 0, process.geteuid?.()].includes(found.uid)) return `/proc/self/fd/${fd}`
  throw Object.assign(new Error(`${path} is not a socket of the folder's owner`), { code: 'ENOTSOCK' })
}
