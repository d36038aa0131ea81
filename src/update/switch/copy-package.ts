import { existsSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { previousDir, versionDir } from './paths.ts'
import { filesOf, placeFile } from './replace.ts'

/**
 * Copies the files of an installed package.
 * @param running version of the installed package
 * @returns the folder of the copy
 */
export function copyPackage(root: string, running: string): string {
  const target = previousDir(root)
  const temp = `${target}.new`
  rmSync(temp, { recursive: true, force: true })
  for (const path of filesOf(root)) if (!path.startsWith('.update')) placeFile(temp, root, path, 'copy')
  // If the update to this version was interrupted after the switch, the version's other files are still in
  // this folder.
  const staged = versionDir('package', root, running)
  for (const path of filesOf(staged)) if (!existsSync(join(temp, path))) placeFile(temp, staged, path, 'copy')
  rmSync(target, { recursive: true, force: true })
  renameSync(temp, target)
  return target
}
