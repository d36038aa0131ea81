import { closeSync, fsyncSync, ftruncateSync, openSync, rmSync, writeSync } from 'node:fs'
import { reasonOf, systemCode, UserError } from '../../platform/errors.ts'
import { EXIT } from '../../platform/exit-codes.ts'

/**
 * Creates a file that only this user can read, and fills it. Reserves the disk space first, and then calls
 * `make`, because the result of `make` may exist nowhere else. Removes the file if `make` fails or returns no
 * text.
 * @param most maximum length of the text, in bytes
 * @throws UserError if the file exists or cannot be written
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
    throw new UserError('file_unusable', `The file ${path} already exists.`, {
      remedy: 'Name a new file.',
      exitCode: EXIT.usage,
    })
  }
}

/** Replaces the contents of the file. */
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
  new UserError('file_unusable', `The file ${path} cannot be written: ${reasonOf(error)}`, {
    remedy: 'Name a file that this user can create, on a disk with free space.',
    exitCode: EXIT.usage,
  })
