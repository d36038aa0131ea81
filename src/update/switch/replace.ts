import {
  chmodSync,
  closeSync,
  copyFileSync,
  existsSync,
  fsyncSync,
  linkSync,
  openSync,
  readdirSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import { COMPILE_CACHE } from '../../platform/chunks.ts'
import { makeFolder, syncFolder } from '../../platform/files.ts'

const tempOf = (path: string) => `${path}.new`

/** Creates a symbolic link, or replaces the existing one, with one rename. */
export function replaceLink(path: string, target: string) {
  const temp = tempOf(path)
  rmSync(temp, { force: true })
  symlinkSync(target, temp)
  renameSync(temp, path)
  syncFolder(dirname(path))
}

/**
 * Creates a file, or replaces the existing one, with one rename.
 * @param content text of a program, or the file to copy or link. A link needs no disk space, so that the
 * previous version can be put back even on a full disk.
 */
export function replaceFile(path: string, content: string, how: 'write' | 'copy' | 'link' = 'write') {
  const temp = tempOf(path)
  rmSync(temp, { force: true })
  if (how === 'copy' || (how === 'link' && !linked(content, temp))) copyFileSync(content, temp)
  else if (how === 'write') {
    writeFileSync(temp, content)
    chmodSync(temp, 0o755)
  }
  const fd = openSync(temp, 'r')
  try {
    fsyncSync(fd)
  } finally {
    closeSync(fd)
  }
  renameSync(temp, path)
  syncFolder(dirname(path))
}

/** Puts a file of one package into another. */
export function placeFile(to: string, from: string, path: string, how: 'copy' | 'link') {
  const place = join(to, path)
  makeFolder(dirname(place))
  replaceFile(place, join(from, path), how)
  // If both names are hard links to the same file, a rename does nothing, and the temporary name remains.
  rmSync(tempOf(place), { force: true })
}

/** Makes a hard link. @returns false if the file system does not support links */
function linked(from: string, to: string): boolean {
  try {
    linkSync(from, to)
    return true
  } catch {
    return false
  }
}

/**
 * Returns the paths of all files in the folder `below` of `dir`. The paths are relative to `dir`. Returns no
 * paths if the folder does not exist.
 */
export function filesOf(dir: string, below = ''): string[] {
  if (!existsSync(join(dir, below))) return []
  return readdirSync(join(dir, below), { withFileTypes: true }).flatMap((entry) => {
    const path = join(below, entry.name)
    if (!entry.isDirectory()) return [path]
    return entry.name === COMPILE_CACHE ? [] : filesOf(dir, path)
  })
}
