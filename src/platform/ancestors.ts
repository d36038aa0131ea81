import { existsSync, readFileSync } from 'node:fs'
import { basename } from 'node:path'

/** What of a process `/proc` tells everybody. */
interface Ancestor {
  pid: number
  /** Its program's name, at most 15 characters. */
  name: string
}

/** No chain of processes is this long: one that is was read while it changed. */
const MOST = 64

/**
 * The processes above this one, its parent first. The last one is either process 1, or one whose own parent lives outside
 * of this namespace of processes. Empty where there is no /proc.
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

/** Empty for a process that has ended. */
export function nameOf(pid: number): string {
  return quietly(() => readFileSync(`/proc/${pid}/comm`, 'utf8').trim()) ?? ''
}

/** Name of what runs a process's program: its `name` is that of the script, where it is one. */
export function interpreterOf(pid: number): string {
  const [program = ''] = (quietly(() => readFileSync(`/proc/${pid}/cmdline`, 'utf8')) ?? '').split('\0')
  return basename(program)
}

/** Undefined for a process that has ended. */
export function parentOf(pid: number): number | undefined {
  const status = quietly(() => readFileSync(`/proc/${pid}/status`, 'utf8')) ?? ''
  const [, parent] = /^PPid:\t(\d+)$/m.exec(status) ?? []
  return parent === undefined ? undefined : Number(parent)
}

/**
 * Whether the process that began this one's session has ended: somebody started this process and went away. False where
 * there is no /proc, and for a session of a namespace outside.
 */
export function hasLostItsSession(pid: number): boolean {
  const stat = quietly(() => readFileSync(`/proc/${pid}/stat`, 'latin1')) ?? ''
  const [, , , session] = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return session !== undefined && session !== '0' && !existsSync(`/proc/${session}`)
}

function quietly<T>(look: () => T): T | undefined {
  try {
    return look()
  } catch {
    return undefined
  }
}
