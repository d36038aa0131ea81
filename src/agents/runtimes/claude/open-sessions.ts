import { readdirSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { readOwned } from '../../../platform/open-owned.ts'
import type { OpenSession } from '../program.ts'
import { fields, text } from './fields.ts'

/** Maximum size of a record, in bytes; Claude Code writes less than 2 KiB. */
const RECORD_BYTES = 64 * 1024
/**
 * True on Linux. On other systems, Claude Code and this program get a process's start time in different
 * formats.
 */
const startsCompare = process.platform === 'linux'

/** Returns Claude Code's configuration folder. */
export const folder = (env: NodeJS.ProcessEnv): string =>
  env.CLAUDE_CONFIG_DIR || join(env.HOME || homedir(), '.claude')

/**
 * Returns the open sessions of these processes, from the records in Claude Code's configuration folder:
 * `sessions/<pid>.json`. Unlike a process's arguments, the records are up to date after `/clear`, forks and
 * `/resume`.
 */
export function openSessions(env: NodeJS.ProcessEnv, pids: number[]): Map<number, OpenSession> {
  const records = join(folder(env), 'sessions')
  const names = new Set(listed(records))
  const found = new Map<number, OpenSession>()
  for (const pid of pids) {
    const record = names.has(`${pid}.json`) ? recordAt(join(records, `${pid}.json`)) : undefined
    if (record) found.set(pid, record)
  }
  return found
}

function listed(dir: string): string[] {
  try {
    return readdirSync(dir)
  } catch {
    return []
  }
}

/** @returns undefined if the record is unreadable, since other versions may use another format */
function recordAt(path: string): OpenSession | undefined {
  try {
    const record = fields(JSON.parse(readOwned(path, RECORD_BYTES) ?? ''))
    const sessionId = text(record?.sessionId)
    const start = startsCompare ? text(record?.procStart) : undefined
    return sessionId === undefined ? undefined : { sessionId, ...(start !== undefined && { start }) }
  } catch {
    return undefined
  }
}
