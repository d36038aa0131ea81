import { closeSync, constants, fstatSync, lstatSync, openSync, renameSync, unlinkSync } from 'node:fs'
import { isDiskFull, shortageIn, systemCode, UserError } from './errors.ts'

/** What is at a path is no plain file, or a longer one than any that belongs there. */
export class NotPlainError extends UserError {
  constructor(path: string, what = 'is not a plain file') {
    super('not_plain', `${path} ${what}.`, { remedy: 'Look at it, then move it away.' })
    this.name = 'NotPlainError'
  }
}

/** How systems refuse to open a folder for writing, a socket, a pipe that nobody reads, and a link that leads nowhere. */
const REFUSALS = ['EISDIR', 'ENXIO', 'EOPNOTSUPP', 'ENOTSUP', 'ELOOP', 'ENOTDIR', 'ENAMETOOLONG']

/**
 * Opens a plain file. Anything else that may be at its place, put there by an agent, is refused at once: to open a pipe
 * would last until somebody opens its other end.
 * @param flags as open(2) has them
 * @param most longest that the file may be, in bytes
 * @throws NotPlainError, or the system's error
 */
export function openPlain(path: string, flags: number, most = Number.POSITIVE_INFINITY): number {
  let fd: number
  try {
    fd = openSync(path, flags | constants.O_NONBLOCK, 0o600)
  } catch (error) {
    throw REFUSALS.includes(systemCode(error) ?? '') ? new NotPlainError(path) : error
  }
  try {
    const stat = fstatSync(fd)
    if (!stat.isFile()) throw new NotPlainError(path)
    if (stat.size > most) throw new NotPlainError(path, `is longer than ${most} bytes`)
    return fd
  } catch (error) {
    closeSync(fd)
    throw error
  }
}

/**
 * Opens a plain file that this program alone writes. What else is at its place is set aside.
 * @throws the system's error
 */
export function openOwnPlain(path: string, flags: number, most?: number): number {
  try {
    return openPlain(path, flags, most)
  } catch (error) {
    if (!isInTheWay(path, error)) throw error
    setAside(path)
    return openPlain(path, flags, most)
  }
}

/** Whether an error is about what is at the path, rather than about the disk or another user's file. */
export function isInTheWay(path: string, error: unknown): boolean {
  if (error instanceof NotPlainError || REFUSALS.includes(systemCode(error) ?? '')) return true
  if (shortageIn(error) || isDiskFull(error)) return false
  const found = lstatSync(path, { throwIfNoEntry: false })
  return found?.isSymbolicLink() || (systemCode(error) === 'EACCES' && found?.uid === process.geteuid?.())
}

/** Makes a file, and opens it for writing: what is there goes, unless it is a folder. @throws the system's error */
export function createPlain(path: string, mode = 0o600): number {
  try {
    return openSync(path, 'wx', mode)
  } catch (error) {
    if (systemCode(error) !== 'EEXIST') throw error
    unlinkSync(path)
    return openSync(path, 'wx', mode)
  }
}

/** Moves a finished file to its place. A folder there is set aside: nothing takes the place of one. @throws the system's error */
export function putInPlace(temp: string, path: string) {
  try {
    renameSync(temp, path)
  } catch (error) {
    if (systemCode(error) !== 'EISDIR') throw error
    setAside(path)
    renameSync(temp, path)
  }
}

/** Moves a damaged file or folder out of the way, for somebody to look at. @returns where it is now */
export function setAside(path: string): string {
  const aside = `${path}.damaged-${new Date().toISOString().replace(/[:.]/g, '-')}`
  renameSync(path, aside)
  return aside
}
