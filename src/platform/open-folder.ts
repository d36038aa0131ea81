import { closeSync, constants, openSync, readlinkSync } from 'node:fs'
import { realPath } from './real-path.ts'

/** A folder that stays the same, even if the names on its path change. */
export interface OpenFolder {
  /** Its path without links. */
  real: string
  /** Path under which a child process can enter it. */
  entry: string
  close(): void
}

/** Opens a folder. Elsewhere than on Linux, its path may lead to another folder later. @throws the system error */
export function openFolder(path: string): OpenFolder {
  const fd = openSync(path, constants.O_RDONLY | constants.O_DIRECTORY)
  const close = () => closeSync(fd)
  if (process.platform !== 'linux') return { real: realPath(path), entry: path, close }
  // The child enters the folder before it executes a program, and still has this descriptor then.
  const entry = `/proc/self/fd/${fd}`
  return { real: readlinkSync(entry), entry, close }
}
