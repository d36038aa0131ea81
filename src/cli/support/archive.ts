import { closeSync, openSync, writeFileSync } from 'node:fs'
import { gzipSync } from 'node:zlib'
import { Header } from 'tar/header'
import { systemCode, UserError } from '../../platform/errors.ts'
import { EXIT } from '../../platform/exit-codes.ts'
import type { Part } from './parts.ts'

/** Size of a block of a tar archive, in bytes. */
const BLOCK = 512

/** Returns the parts as a compressed tar archive. @param folder folder of the files in the archive */
export function archiveOf(folder: string, parts: readonly Part[], mtime: Date): Buffer {
  const blocks = parts.flatMap(({ name, text }) => {
    const content = Buffer.from(text)
    const header = Buffer.alloc(BLOCK)
    const path = `${folder}/${name}`
    new Header({ path, mode: 0o600, size: content.length, mtime, type: 'File' }).encode(header)
    return [header, content, Buffer.alloc(-content.length & (BLOCK - 1))]
  })
  // Two empty blocks end an archive.
  return gzipSync(Buffer.concat([...blocks, Buffer.alloc(2 * BLOCK)]))
}

/** Writes a new file that only this user can read. @throws UserError if there is a file already */
export function writeArchive(path: string, content: Buffer) {
  let file: number
  try {
    file = openSync(path, 'wx', 0o600)
  } catch (error) {
    if (systemCode(error) !== 'EEXIST') throw error
    throw new UserError('file_exists', `There is already a file ${path}.`, {
      remedy: 'Name another file with --output.',
      exitCode: EXIT.refused,
    })
  }
  try {
    writeFileSync(file, content)
  } finally {
    closeSync(file)
  }
}
