import { closeSync, constants, fstatSync, lstatSync, openSync, renameSync, unlinkSync } from 'node:fs'
import { isDiskFull, shortageIn, systemCode, UserError } from './errors.ts'

/** Error: a path leads to something other than a plain file, or to a file that is too long. */
export class NotPlainError extends UserError {
  constructor(path: string, what = 'is not a plain file') {
    super('not_plain', `${path} ${what}.`, { remedy: 'Inspect it, then move it away.' })
    this.name = 'NotPlainError'
  }
}

/**
 * Error codes of open(2) for paths that do not lead to a plain file: folders, sockets, pipes without a
 * reader, and dangling links.
 */
const REFUSALS = ['EISDIR', 'ENXIO', 'EOPNOTSUPP', 'ENOTSUP', 'ELOOP', 'ENOTDIR', 'ENAMETOOLONG']

/**
 * Opens a plain file. Refuses anything else that an agent may have put at this path: opening a pipe, for
 * example, would block until its other end is opened.
 * @param flags flags of open(2)
 * @param most maximum size, in bytes
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
 * Opens a plain file that only this program writes. Moves anything else at its path aside.
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

/**
 * Reports whether an error is about the file or folder at the path, and not about the disk or another user's
 * file.
 */
export function isInTheWay(path: string, error: unknown): boolean {
  if (error instanceof NotPlainError || REFUSALS.includes(systemCode(error) ?? '')) return true
  if (shortageIn(error) || isDiskFull(error)) return false
  try {
    const found = lstatSync(path)
    return found.isSymbolicLink() || (systemCode(error) === 'EACCES' && found.uid === process.geteuid?.())
  } catch {
    // The entry is missing, or in a folder that this user may not access.
    return false
  }
}

/** Creates a file, and opens it for writing. Replaces anything except a folder. @throws the system's error */
export function createPlain(path: string, mode = 0o600): number {
  try {
    return openSync(path, 'wx', mode)
  } catch (error) {
    if (systemCode(error) !== 'EEXIST') throw error
    unlinkSync(path)
    return openSync(path, 'wx', mode)
  }
}

/**
 * Moves a finished file into place. A folder there is set aside, because a file cannot replace it. @throws
 * the system's error
 */
export function putInPlace(temp: string, path: string) {
  try {
    renameSync(temp, path)
  } catch (error) {
    if (systemCode(error) !== 'EISDIR') throw error
    setAside(path)
    renameSync(temp, path)
  }
}

/** Moves a damaged file or folder out of the way, so that a user can inspect it. @returns its new path */
export function setAside(path: string): string {
  const aside = `${path}.damaged-${new Date().toISOString().replace(/[:.]/g, '-')}`
  renameSync(path, aside)
  return aside
}
