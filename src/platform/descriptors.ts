import { readFileSync } from 'node:fs'

/**
 * The limit to assume if the system does not report one. At its start, Node raises its own limit as far as
 * the system permits.
 */
const USUAL = 4096

/** Returns the number of files and connections that this process may have open. */
export function descriptorLimit(path = '/proc/self/limits'): number {
  try {
    const [, soft] = /^Max open files +(\d+)/m.exec(readFileSync(path, 'utf8')) ?? []
    return soft === undefined ? USUAL : Number(soft)
  } catch {
    return USUAL
  }
}
