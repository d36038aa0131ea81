import { statSync } from 'node:fs'

/**
 * Leaves this process's working directory if it has been deleted: many programs refuse to run in a deleted
 * one. Node remembers the directory's path, and does not notice that it was deleted.
 */
export function leaveDeletedFolder() {
  try {
    if (statSync('.').nlink > 0) return
  } catch {
    // Either the directory was deleted, on systems that report it with this error, or its network disk is
    // lost.
  }
  process.chdir('/')
}
