import { statSync } from 'node:fs'

/**
 * Leaves this process's working directory if it has been deleted: many programs refuse to run in a deleted
 * one. Node remembers the directory's path, and does not notice that it was deleted.
 */
export function leaveDeletedFolder() {
  try {
    if (statSync('.').nlink > 0) return
  } catch {
    // Either the directory was deleted (some systems report this as an error), or it is on a network disk
    // that is unreachable.
  }
  process.chdir('/')
}
