import { renameSync, rmSync } from 'node:fs'
import { previousDir } from './paths.ts'
import { filesOf, placeFile } from './replace.ts'

/** Copies the files of an installed package. @returns the folder of the copy */
export function copyPackage(root: string): string {
  const target = previousDir(root)
  const temp = `${target}.new`
  rmSync(temp, { recursive: true, force: true })
  for (const path of filesOf(root)) if (!path.startsWith('.update')) placeFile(temp, root, path, 'copy')
  rmSync(target, { recursive: true, force: true })
  renameSync(temp, target)
  return target
}
