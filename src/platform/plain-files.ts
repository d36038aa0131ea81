import { closeSync, constants, fstatSync, lstatSync, openSync, renameSync, unlinkSync } from 'node:fs'
import { isDiskFull, shortageIn, systemCode, UserError } from './errors.ts'

/** A path leads to something other than a plain file, or to a file that is too long. */
export class NotPlainError extends UserError {
  constructor(path: string, what = 'is not a plain file') {
    super('not_plain', `${path} ${what}.`, { remedy: 'Look at it, then move it away.' })
    this.name = 'NotPlainError'
  }
}

/**
 * Errors for opening a folder for writing, a socket, a pipe without a reader, or a link that leads nowhere.
 */
const REFUSALS = ['EISDIR', 'ENXIO', 'EOPNOTSUPP', 'ENOTSUP', 'ELOOP', 'ENOTDIR', 'ENAMETOOLONG']

/**
 * Opens a plain file. Refuses anything else, which an agent may have put there: opening a pipe would block
 * until its other end is opened.
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
 * Opens a plain file that only this program writes. Sets anything else at its path aside.
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

/** Reports whether an error concerns the entry at the path, rather than the disk or another user's file. */
export function isInTheWay(path: string, error: unknown): boolean {
  if (error instanceof NotPlainError || REFUSALS.includes(systemCode(error) ?? '')) return true
  if (shortageIn(error) || isDiskFull(error)) return false
  try {
    const found = lstatSync(path)
    return found.isSymbolicLink() || (systemCode(error) === 'EACCES' && found.uid === process.geteuid?.())
  } catch {
    // Missing, or in a folder that cannot be searched.
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
