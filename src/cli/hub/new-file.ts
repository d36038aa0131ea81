import { closeSync, fsyncSync, openSync, rmSync, writeFileSync } from 'node:fs'
import { reasonOf, systemCode, UserError } from '../../platform/errors.ts'
import { EXIT } from '../exit-codes.ts'

/**
 * Makes a file that only this user can read, and fills it. There is no file where it stays without text, or `make` fails.
 * @throws UserError where there is such a file already, or it cannot be written
 */
export async function fillNewFile<T>(
  path: string,
  make: () => Promise<{ value: T; text: string | undefined }>,
): Promise<T> {
  const fd = open(path)
  let filled = false
  try {
    const { value, text } = await make()
    if (text === undefined) return value
    writeFileSync(fd, text)
    fsyncSync(fd)
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
    const exists = systemCode(error) === 'EEXIST'
    throw new UserError(
      'file_unusable',
      exists ? `--out: ${path} is there already.` : `--out: ${path} cannot be written: ${reasonOf(error)}`,
      { remedy: exists ? 'Name a new file.' : 'Name a file that this user can make.', exitCode: EXIT.usage },
    )
  }
}
