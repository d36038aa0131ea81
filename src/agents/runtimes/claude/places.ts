import { mkdirSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { folder } from './open-sessions.ts'

/** Returns the files and folders that Claude Code changes for its user, and the folder of its records of processes. */
export function places(env: NodeJS.ProcessEnv) {
  const settings = folder(env)
  // In a sandbox, Claude Code could not create it.
  mkdirSync(settings, { recursive: true, mode: 0o700 })
  return {
    shared: [settings, join(env.HOME || homedir(), '.claude.json')],
    // In a sandbox, their names would be the process ids of other processes outside.
    ofProcesses: [join(settings, 'sessions')],
  }
}
