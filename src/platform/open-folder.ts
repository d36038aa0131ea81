import { closeSync, constants, openSync, readlinkSync } from 'node:fs'
import { realPath } from './real-path.ts'

/**
 * A folder that is identified by a descriptor, so that it stays the same even if its path later leads to
 * another folder.
 */
export interface OpenFolder {
  /** The folder's path without links. */
  real: string
  /** Path by which a child process can enter the folder. */
  entry: string
  close(): void
}

/**
 * Opens a folder. On systems other than Linux, the result has only the folder's path, which may lead to
 * another folder later. @throws the system error
 */
export function openFolder(path: string): OpenFolder {
  const fd = openSync(path, constants.O_RDONLY | constants.O_DIRECTORY)
  const close = () => closeSync(fd)
  if (process.platform !== 'linux') return { real: realPath(path), entry: path, close }
  // A child process enters the folder before it executes a program. At that time, the child still has this
  // descriptor.
  const entry = `/proc/self/fd/${fd}`
  return { real: readlinkSync(entry), entry, close }
}
