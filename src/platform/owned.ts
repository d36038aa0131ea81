import { closeSync, constants, fstatSync, openSync, readSync, statSync } from 'node:fs'
import { dirname } from 'node:path'
import { UserError } from './errors.ts'
import { isOpen } from './group-members.ts'
import { shellWord } from './shell-word.ts'

/**
 * Opens a plain file for reading: not a device, or a pipe that never gives anything. In another user's folder it must be
 * that user's, in one that others may write to this user's own: not a link to something that only this user may read.
 * @throws UserError where this user may not read it, or it is no such file; or the system's error
 */
export function openOwned(path: string): number {
  try {
    return open(path)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code !== 'EACCES' && code !== 'EPERM') throw error
    throw new UserError('unreadable', `This user may not read ${path}.`, {
      remedy: 'Run this as the user it belongs to, or with sudo.',
      exitCode: 4,
      cause: error,
    })
  }
}

function open(path: string): number {
  const folder = statSync(dirname(path))
  if (!process.getuid) return openSync(path, 'r')
  const own = process.getuid()
  // As in /tmp, others can put something there.
  const shared = isOpen(folder)
  const isForeign = folder.uid !== own || shared
  let fd: number | undefined
  try {
    fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK | (isForeign ? constants.O_NOFOLLOW : 0))
    const found = fstatSync(fd)
    // One of this user's own may be there, but not by a name that the other has given it.
    const isOwn = (found.uid === folder.uid && !shared) || (found.uid === own && found.nlink === 1)
    if (found.isFile() && (!isForeign || isOwn)) return fd
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ELOOP') throw error
  }
  if (fd !== undefined) closeSync(fd)
  throw new UserError('not_plain', `${path} is not a plain file of the folder's owner.`, {
    remedy: shared
      ? `Check who put it there, then stop others from writing to that folder: chmod go-w ${shellWord(dirname(path))}`
      : 'It was not changed. Look at it as that user.',
  })
}

/**
 * Reads a small file like `openOwned`. @returns undefined if it is missing, unreadable, or longer than `max`
 * bytes
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
