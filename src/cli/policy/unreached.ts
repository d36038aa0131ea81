import { userInfo } from 'node:os'
import { findDaemons } from '../../service/find-daemons.ts'
import type { Place } from './write-policy.ts'

/** Returns a warning for each running daemon that does not look for its policy in this place. */
export async function unreached({ isOfUser }: Place): Promise<string[]> {
  if (!isOfUser) return []
  const own = userInfo().username
  const others = (await findDaemons(process.env)).filter(
    ({ running, user }) => running && user !== undefined && user !== own,
  )
  return others.map(
    ({ state_dir, user }) =>
      `The daemon of ${user} in ${state_dir} does not read this file. For every daemon: sudo fomular-daemon policy init`,
  )
}
