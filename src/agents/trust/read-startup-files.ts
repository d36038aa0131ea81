import { createHash } from 'node:crypto'
import { closeSync, constants, readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import type { Account } from '../../platform/account.ts'
import { systemCode } from '../../platform/errors.ts'
import { rightsOf } from '../../platform/may-read.ts'
import { openPlain } from '../../platform/plain-files.ts'

/** Maximum number of files and folders that are read. */
const MOST = 500
/** Maximum depth of folders below a path. */
const DEPTH = 8
/** Maximum size of a file, in bytes. */
const FILE_BYTES = 1024 * 1024

interface StartupFile {
  path: string
  /** Hash of the file's content. */
  sha256: string
  text: string
}

export interface StartupFiles {
  files: StartupFile[]
  /** True if not all files were read, or if a file could not be read as a whole. */
  cut: boolean
}

/**
 * Reads files, and all files in folders. Paths that do not exist are left out.
 * @param user the user who uses the files, if this is not the daemon's user: files that this user may not
 * read count as unreadable
 */
export function readStartupFiles(paths: string[], user?: Account): StartupFiles {
  const rights = user && rightsOf(user)
  const found: StartupFiles = { files: [], cut: false }
  let seen = 0
  const visit = (path: string, depth: number) => {
    // Treat files that the user may not see as unreadable, even if they are missing: a link must not reveal
    // whether they exist, and an access list may let the user see them after all.
    if (rights && !rights.maySee(path)) {
      found.cut = true
      return
    }
    let isFolder: boolean
    try {
      isFolder = statSync(path).isDirectory()
    } catch (error) {
      if (!isMissing(error)) found.cut = true
      return
    }
    if (seen++ >= MOST || depth > DEPTH) {
      found.cut = true
      return
    }
    if (!isFolder) {
      const file = read(path, rights?.mayRead)
      if (file) found.files.push(file)
      else found.cut = true
      return
    }
    try {
      for (const name of readdirSync(path)
        .sort()
        .slice(0, MOST + 1))
        visit(join(path, name), depth + 1)
    } catch {
      found.cut = true
    }
  }
  for (const path of paths) visit(path, 0)
  return found
}

const isMissing = (error: unknown) => ['ENOENT', 'ENOTDIR'].includes(systemCode(error) ?? '')

/** Returns a file with its content; undefined if it is not a plain file or cannot be read as a whole. */
function read(path: string, mayRead: (fd: number) => boolean = () => true): StartupFile | undefined {
  try {
    const fd = openPlain(path, constants.O_RDONLY, FILE_BYTES)
    try {
      if (!mayRead(fd)) return undefined
      const content = readFileSync(fd)
      return { path, sha256: createHash('sha256').update(content).digest('hex'), text: content.toString() }
    } finally {
      closeSync(fd)
    }
  } catch {
    return undefined
  }
}

/** Returns a hash of the paths and contents of files in a folder. */
export const hashOf = (folder: string, { files }: StartupFiles): string =>
  createHash('sha256')
    .update(JSON.stringify([folder, ...files.map(({ path, sha256 }) => [path, sha256])]))
    .digest('hex')
