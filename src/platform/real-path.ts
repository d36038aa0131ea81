import { readlinkSync, realpathSync } from 'node:fs'
import { basename, dirname, resolve } from 'node:path'
import { orUndefined } from './or-undefined.ts'

/** Maximum number of dangling links in one path, as in Linux. */
const MOST_LINKS = 40

/**
 * Resolves the links in an absolute path, as far as the path exists. Returns the same path for all names of
 * the same file. A link to a missing file gives the path at which the file would be created.
 */
export function realPath(path: string, links = MOST_LINKS): string {
  try {
    // Use realpathSync.native(): like the system, it resolves a link before it applies a `..` that follows
    // the link.
    return realpathSync.native(path)
  } catch {
    const parent = dirname(path)
    if (parent === path) return path
    const above = realPath(parent, links)
    const target = links > 0 ? orUndefined(() => readlinkSync(resolve(above, basename(path)))) : undefined
    return target === undefined ? resolve(above, basename(path)) : realPath(resolve(above, target), links - 1)
  }
}
