import { closeSync, constants, fstatSync, lstatSync, readSync, statSync } from 'node:fs'
import { dirname } from 'node:path'
import { systemCode, UserError } from './errors.ts'
import { EXIT } from './exit-codes.ts'
import { isOpen } from './group-members.ts'
import { NotPlainError, openPlain } from './plain-files.ts'
import { shellWord } from './shell-word.ts'

/**
 * Opens a plain file for reading. Refuses devices and pipes, which may deliver nothing. In another user's
 * folder, the file must belong to that user. In a folder that others can write to, the file must belong to
 * this user. The path must not be a link to a file that only this user may read.
 * @param most maximum size, in bytes
 * @throws NotPlainError if it is not a plain file, UserError if it belongs to another user or this user may
 * not read it, or the system's error
 */
export function openOwned(path: string, most?: number): number {
  try {
    return open(path, most)
  } catch (error) {
    const code = systemCode(error)
    if (code !== 'EACCES' && code !== 'EPERM') throw error
    if (isOwnLink(path)) throw new NotPlainError(path)
    throw new UserError('unreadable', `This user may not read ${path}.`, {
      remedy: 'Run this as the user who owns the file, or with sudo.',
      exitCode: EXIT.refused,
      cause: error,
    })
  }
}

/** Reports whether a path is this user's own link to a file that this user may not read. */
function isOwnLink(path: string): boolean {
  try {
    const found = lstatSync(path)
    return found.isSymbolicLink() && found.uid === process.getuid?.()
  } catch {
    // This user may not access the folder of the path either.
    return false
  }
}

function open(path: string, most?: number): number {
  const folder = statSync(dirname(path))
  const own = process.getuid?.()
  // Other users can put files there, as in /tmp.
  const shared = isOpen(folder)
  if (own === undefined || (folder.uid === own && !shared)) return openPlain(path, constants.O_RDONLY, most)
  try {
    const fd = openPlain(path, constants.O_RDONLY | constants.O_NOFOLLOW, most)
    const found = fstatSync(fd)
    // Accept this user's own file, but not a hard link to it that another user may have made.
    if ((found.uid === folder.uid && !shared) || (found.uid === own && found.nlink === 1)) return fd
    closeSync(fd)
  } catch (error) {
    if (!(error instanceof NotPlainError)) throw error
  }
  throw new UserError('not_plain', `${path} is not a plain file of the folder's owner.`, {
    remedy: shared
      ? `Check who put it there, then stop others from writing to that folder: chmod go-w ${shellWord(dirname(path))}`
      : "The file was not changed. Look at it as the folder's owner.",
  })
}

/**
 * Reads a small file, with the same checks as `openOwned`.
 * @returns undefined if it is missing, unreadable, or longer than `max` bytes
 */
export function readOwned(path: string, max: number): string | undefined {
  let fd: number | undefined
  try {
    fd = openOwned(path)
    const buffer = Buffer.alloc(max + 1)
    const got = readSync(fd, buffer, 0, buffer.length, 0)
    return got > max ? undefined : buffer.toString('utf8', 0, got)
  } catch {
    return undefined
  } finally {
    if (fd !== undefined) closeSync(fd)
  }
}
