import { accessSync, constants, statSync } from 'node:fs'
import { delimiter, isAbsolute, join, resolve } from 'node:path'

/**
 * Returns the programs of this name in the folders of PATH, in the order of the folders.
 * @param cwd folder to which relative entries of PATH refer; without `cwd`, relative entries are skipped
 */
export function programsOnPath(name: string, { PATH = '' }: NodeJS.ProcessEnv, cwd?: string): string[] {
  const folders = PATH.split(delimiter)
  const searched = cwd === undefined ? folders.filter(isAbsolute) : folders.map((dir) => resolve(cwd, dir))
  return searched.map((dir) => join(dir, name)).filter(isProgram)
}

/**
 * Reports whether a path leads to a file that this user may run. Also checks that the path is a file, because
 * the system's check accepts folders, too.
 */
export function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return statSync(path).isFile()
  } catch {
    return false
  }
}
