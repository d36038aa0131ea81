import { statSync } from 'node:fs'
import { systemCode } from './errors.ts'

/**
 * Returns a value that identifies the folder at a path. The value changes if another folder takes the place
 * of this folder. Undefined if there is no folder.
 */
export function folderIdentity(dir: string): string | undefined {
  try {
    const { dev, ino } = statSync(dir)
    return `${dev}:${ino}`
  } catch (error) {
    // A folder that cannot be read at the moment, for example on a network disk, does not count as gone.
    return systemCode(error) === 'ENOENT' || systemCode(error) === 'ENOTDIR' ? undefined : `${dir}?`
  }
}

/**
 * Returns the reason why a path no longer leads to the same folder.
 * @param name noun phrase for the folder
 * @param first earlier identity of the folder
 * @returns a sentence; undefined if it is the same folder
 */
export function goneFolder(name: string, dir: string, first: string | undefined): string | undefined {
  const now = folderIdentity(dir)
  if (now === undefined)
    return `${name[0]!.toUpperCase()}${name.slice(1)} is gone: it was deleted, moved or unmounted.`
  return now === first ? undefined : `Another folder has taken the place of ${name}.`
}
