import { closeSync, constants, fstatSync, mkdirSync, openSync, readFileSync, renameSync } from 'node:fs'
import { join } from 'node:path'
import * as z from 'zod/mini'
import { writeAtomic } from '../platform/files.ts'

/** The part of `machine.json` that is kept: the machine's identity for its server. */
const Identity = z.object({
  version: z.literal(1),
  machine_id: z.string().check(z.regex(/^[\w-]{1,64}$/)),
  created_at: z.iso.datetime(),
  starts: z.int(),
})
const MOST_BYTES = 4096

/**
 * Moves another user's state folder to `aside` and creates a new one in its place. Copies only the machine's
 * identity. Any other file of the previous user could decide which programs the next user runs.
 * @throws the system error
 */
export function setAsideState(path: string, aside: string) {
  renameSync(path, aside)
  mkdirSync(path, { mode: 0o700 })
  const identity = readIdentity(join(aside, 'machine.json'))
  if (identity) writeAtomic(join(path, 'machine.json'), JSON.stringify(identity), { durable: true })
}

/** Reads the machine's identity. Refuses a link, and a FIFO, which would block. */
function readIdentity(path: string): z.infer<typeof Identity> | undefined {
  let fd: number | undefined
  try {
    fd = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK)
    const stat = fstatSync(fd)
    if (!stat.isFile() || stat.size > MOST_BYTES) return undefined
    return Identity.parse(JSON.parse(readFileSync(fd, 'utf8')))
  } catch {
    return undefined
  } finally {
    if (fd !== undefined) closeSync(fd)
  }
}
