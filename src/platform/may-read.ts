import { fstatSync, readlinkSync, type Stats, statSync } from 'node:fs'
import { dirname } from 'node:path'
import { type Account, groupsOf } from './account.ts'

const READ = 4
const ENTER = 1

/**
 * Returns a function that reports whether a user may read an open file, as far as the modes of the file and
 * of all folders above it decide. Access lists do not count. Linux only.
 */
export function readerAs(user: Account): (fd: number) => boolean {
  const groups = groupsOf(user)
  const may = ({ mode, uid, gid }: Stats, right: number) => {
    const shift = uid === user.uid ? 6 : groups.includes(gid) ? 3 : 0
    return ((mode >> shift) & right) !== 0
  }
  return (fd) => {
    try {
      // Do not use the name under which the file was opened, because that name may lead elsewhere by now.
      const path = readlinkSync(`/proc/self/fd/${fd}`)
      return may(fstatSync(fd), READ) && above(path).every((dir) => may(statSync(dir), ENTER))
    } catch {
      return false
    }
  }
}

function above(path: string): string[] {
  const parent = dirname(path)
  return parent === path ? [] : [parent, ...above(parent)]
}
