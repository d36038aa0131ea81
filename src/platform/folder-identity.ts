import { statSync } from 'node:fs'
import { systemCode } from './errors.ts'

/** Tells a folder from any other that has its path. */
export function folderIdentity(dir: string): string | undefined {
  try {
    const { dev, ino } = statSync(dir)
    return `${dev}:${ino}`
  } catch (error) {
    // What cannot be looked at just now, as on a network's disk, is not gone.
    return systemCode(error) === 'ENOENT' || systemCode(error) === 'ENOTDIR' ? undefined : `${dir}?`
  }
}

/**
 * Why a folder is not the one any more that it was.
 * @param name of it, within a sentence
 * @param first its identity then
 * @returns a sentence; undefined while it is the same
 */
export function goneFolder(name: string, dir: string, first: string | undefined): string | undefined {
  const now = folderIdentity(dir)
  if (now === undefined)
    return `${name[0]!.toUpperCase()}${name.slice(1)} is gone: it was deleted, moved or unmounted.`
  return now === first ? undefined : `Another folder has taken the place of ${name}.`
}
