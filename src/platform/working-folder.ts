import { statSync } from 'node:fs'

/**
 * Leaves this process's working directory if it has been deleted: many programs refuse to run in a deleted one.
 * Node remembers its path, and does not notice by itself.
 */
export function leaveDeletedFolder() {
  try {
    if (statSync('.').nlink > 0) return
  } catch {
    // Deleted, on systems that report it this way, or lost with its network.
  }
  process.chdir('/')
}
