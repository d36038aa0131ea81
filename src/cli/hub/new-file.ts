import { closeSync, fsyncSync, ftruncateSync, openSync, rmSync, writeSync } from 'node:fs'
import { reasonOf, systemCode, UserError } from '../../platform/errors.ts'
import { EXIT } from '../exit-codes.ts'

/**
 * Makes a file that only this user can read, and fills it. Its room on the disk is taken before `make` is called: what that
 * gives may be nowhere else. There is no file where it stays without text, or `make` fails.
 * @param most length of the text, in bytes
 * @throws UserError where there is such a file already, or it cannot be written
 */
export async function fillNewFile<T>(
  path: string,
  most: number,
  make: () => Promise<{ value: T; text: string | undefined }>,
): Promise<T> {
  const fd = open(path)
  let filled = false
  try {
    write(path, fd, ' '.repeat(most))
    const { value, text } = await make()
    if (text === undefined) return value
    write(path, fd, text)
    filled = true
    return value
  } finally {
    closeSync(fd)
    if (!filled) rmSync(path, { force: true })
  }
}

function open(path: string): number {
  try {
    return openSync(path, 'wx', 0o600)
  } catch (error) {
    if (systemCode(error) !== 'EEXIST') throw unwritable(path, error)
    throw new UserError('file_unusable', `--out: ${path} is there already.`, {
      remedy: 'Name a new file.',
      exitCode: EXIT.usage,
    })
  }
}

/** Replaces all that is in the file. */
function write(path: string, fd: number, text: string) {
  try {
    const data = Buffer.from(text)
    for (let at = 0; at < data.length; ) at += writeSync(fd, data, at, data.length - at, at)
    ftruncateSync(fd, data.length)
    fsyncSync(fd)
  } catch (error) {
    throw unwritable(path, error)
  }
}

const unwritable = (path: string, error: unknown) =>
  new UserError('file_unusable', `--out: ${path} cannot be written: ${reasonOf(error)}`, {
    remedy: 'Name a file that this user can make, on a disk with room.',
    exitCode: EXIT.usage,
  })
