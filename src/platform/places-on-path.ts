import { lstatSync, readlinkSync, type Stats } from 'node:fs'
import { dirname, isAbsolute, join } from 'node:path'

/** Maximum number of links in one path, as in Linux. */
const MOST_LINKS = 40

/** A folder, link, or file on the way to the target of a path. */
export interface Place {
  path: string
  stat: Stats
  /** True for the end of the path, false for a folder above it. */
  last: boolean
}

/**
 * Yields all folders, links, and files that determine the target of a path, in the order in which the system
 * resolves them.
 */
export function* placesOn(path: string): Generator<Place> {
  const names = path.split('/').filter(Boolean)
  let at = '/'
  yield { path: at, stat: lstatSync(at), last: names.length === 0 }
  for (let links = 0; names.length > 0; ) {
    const name = names.shift()!
    const next = name === '..' ? dirname(at) : join(at, name)
    let stat: Stats
    try {
      stat = lstatSync(next)
    } catch {
      return
    }
    const isLink = stat.isSymbolicLink()
    yield { path: next, stat, last: names.length === 0 }
    if (!isLink) at = next
    else {
      if (++links > MOST_LINKS) return
      const target = readlinkSync(next)
      if (isAbsolute(target)) at = '/'
      names.unshift(...target.split('/').filter((each) => each !== '' && each !== '.'))
    }
  }
}
