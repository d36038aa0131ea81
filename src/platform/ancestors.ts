import { existsSync, readFileSync } from 'node:fs'
import { basename } from 'node:path'
import { orUndefined } from './or-undefined.ts'

/** The facts about a process that every user may read in `/proc`. */
interface Ancestor {
  pid: number
  /** Name of the process, at most 15 characters. */
  name: string
}

/**
 * Maximum number of ancestors. A longer chain of parents cannot be right: processes changed while it was
 * read.
 */
const MOST = 64

/**
 * Returns the ancestors of a process, its parent first. The last is process 1, or a process whose parent is
 * outside this PID namespace. Empty without /proc.
 */
export function ancestors(pid: number = process.pid): Ancestor[] {
  const found: Ancestor[] = []
  let next = parentOf(pid)
  while (next !== undefined && next > 0 && found.length < MOST) {
    found.push({ pid: next, name: nameOf(next) })
    next = parentOf(next)
  }
  return found
}

/** Returns a process's name; empty for a process that has ended. */
export function nameOf(pid: number): string {
  return orUndefined(() => readFileSync(`/proc/${pid}/comm`, 'utf8').trim()) ?? ''
}

/**
 * Returns the name of the program that a process executes. For a script, that is the script's interpreter;
 * `nameOf` returns the name of the script.
 */
export function interpreterOf(pid: number): string {
  const [program = ''] = (orUndefined(() => readFileSync(`/proc/${pid}/cmdline`, 'utf8')) ?? '').split('\0')
  return basename(program)
}

/** Returns a process's parent; undefined for a process that has ended. */
export function parentOf(pid: number): number | undefined {
  const status = orUndefined(() => readFileSync(`/proc/${pid}/status`, 'utf8')) ?? ''
  const [, parent] = /^PPid:\t(\d+)$/m.exec(status) ?? []
  return parent === undefined ? undefined : Number(parent)
}

/**
 * Reports whether a process has outlived the first process of its session, such as the shell of a user who
 * logged out. False without /proc, and for a session of an outer namespace.
 */
export function hasLostItsSession(pid: number): boolean {
  const stat = orUndefined(() => readFileSync(`/proc/${pid}/stat`, 'latin1')) ?? ''
  const [, , , session] = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return session !== undefined && session !== '0' && !existsSync(`/proc/${session}`)
}
