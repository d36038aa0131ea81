import { readlinkSync, realpathSync } from 'node:fs'
import { basename, dirname, resolve } from 'node:path'
import { orUndefined } from './or-undefined.ts'

/** Maximum number of links that lead nowhere in one path, as in Linux. */
const MOST_LINKS = 40

/**
 * Resolves the links in an absolute path as far as it exists, so that all names of a file give the same path. A link
 * to something that does not exist gives the path at which it would be created.
 */
export function realPath(path: string, links = MOST_LINKS): string {
  try {
    // Unlike the other variant, this one follows a link before it goes up from it, as the system does.
    return realpathSync.native(path)
  } catch {
    const parent = dirname(path)
    if (parent === path) return path
    const above = realPath(parent, links)
    const target = links > 0 ? orUndefined(() => readlinkSync(resolve(above, basename(path)))) : undefined
    return target === undefined ? resolve(above, basename(path)) : realPath(resolve(above, target), links - 1)
  }
}
