import { createHash } from 'node:crypto'
import { readFileSync, statSync } from 'node:fs'

/** Files in which Linux keeps the machine id, which each installed system generates. */
const FILES = ['/etc/machine-id', '/var/lib/dbus/machine-id']

/**
 * Returns an id of this installed system. The id is a hash, from which the original id cannot be derived. A
 * copy of a state folder does not contain this id. The id may change when a container is recreated. Undefined
 * if the system has no such id.
 */
export function systemId(): string | undefined {
  for (const file of FILES) {
    let id: string
    try {
      id = readFileSync(file, 'latin1').trim()
    } catch {
      continue
    }
    if (/^[0-9a-f]{32}$/.test(id))
      return createHash('sha256').update(`fomular-daemon ${id}`).digest('hex').slice(0, 32)
  }
  return undefined
}

/**
 * Returns a value that differs between a folder and its copies, and stays the same after a reboot. Undefined
 * if there is no folder.
 */
export function lastingIdentity(dir: string): string | undefined {
  const stat = statSync(dir, { throwIfNoEntry: false })
  return stat && `${stat.ino}:${Math.floor(stat.birthtimeMs)}`
}
