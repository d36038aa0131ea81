import { statSync } from 'node:fs'

/**
 * Leaves the folder that this process works in, if somebody has deleted it: many programs refuse to run in such a one.
 * Node remembers its path, and does not notice by itself.
 */
export function leaveDeletedFolder() {
  try {
    if (statSync('.').nlink > 0) return
  } catch {
    // Deleted, as other systems put it, or on a network that has lost it.
  }
  process.chdir('/')
}
