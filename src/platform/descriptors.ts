import { readFileSync } from 'node:fs'

/** Assumed where the system does not say: Node raises the limit to the highest that it may have. */
const USUAL = 4096

/** Number of files and connections that this process may have open. */
export function descriptorLimit(path = '/proc/self/limits'): number {
  try {
    const [, soft] = /^Max open files +(\d+)/m.exec(readFileSync(path, 'utf8')) ?? []
    return soft === undefined ? USUAL : Number(soft)
  } catch {
    return USUAL
  }
}
