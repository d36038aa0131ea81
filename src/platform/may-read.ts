import { fstatSync, readlinkSync, type Stats, statSync } from 'node:fs'
import { dirname } from 'node:path'
import { type Account, groupsOf } from './account.ts'
import { placesOn } from './places-on-path.ts'

const READ = 4
const ENTER = 1

/** Rights of a user, according to the modes of files and folders. Access lists are ignored. */
export interface Rights {
  /** Reports whether the user may read an open file, and enter all folders above it. Linux only. */
  mayRead(fd: number): boolean
  /** Reports whether the user may enter all folders on the way to a path, so that the user can see whether it exists. */
  maySee(path: string): boolean
}

/** Returns the rights of a user. */
export function rightsOf(user: Account): Rights {
  const groups = groupsOf(user)
  const may = ({ mode, uid, gid }: Stats, right: number) => {
    const shift = uid === user.uid ? 6 : groups.includes(gid) ? 3 : 0
    return ((mode >> shift) & right) !== 0
  }
  const mayRead = (fd: number) => {
    try {
      // Do not use the name under which the file was opened, because that name may lead elsewhere by now.
      const path = readlinkSync(`/proc/self/fd/${fd}`)
      return may(fstatSync(fd), READ) && above(path).every((dir) => may(statSync(dir), ENTER))
    } catch {
      return false
    }
  }
  const maySee = (path: string) => {
    // Stops at the first folder that the user may not enter: its contents must not affect the result.
    try {
      for (const { stat } of placesOn(path)) if (stat.isDirectory() && !may(stat, ENTER)) return false
      return true
    } catch {
      // Another user has replaced a link in the meantime.
      return false
    }
  }
  return { mayRead, maySee }
}

function above(path: string): string[] {
  const parent = dirname(path)
  return parent === path ? [] : [parent, ...above(parent)]
}
