import { homedir } from 'node:os'
import { join } from 'node:path'
import { folder } from './open-sessions.ts'

/**
 * Returns the files and folders that all of a user's Claude Code processes share, and the folder with records
 * about individual processes.
 */
export function places(env: NodeJS.ProcessEnv) {
  const settings = folder(env)
  return {
    // Claude Code could not create this folder in a sandbox.
    needed: [settings],
    shared: [settings, join(env.HOME || homedir(), '.claude.json')],
    // The records are named after process ids. A process in a sandbox can have the same id as a process
    // outside of the sandbox.
    ofProcesses: [join(settings, 'sessions')],
  }
}
