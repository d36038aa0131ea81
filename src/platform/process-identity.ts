import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import * as z from 'zod/mini'
import { shortageIn, systemCode } from './errors.ts'

/** Identity of a process. A later process with the same pid has a different identity. */
export const ProcessIdentity = z.object({
  pid: z.int().check(z.minimum(1)),
  /**
   * Start of the process: on Linux, in clock ticks since boot (field 22 of its stat); on other systems, as
   * `ps` prints it.
   */
  start: z.string(),
  boot_id: z.string(),
})
export type ProcessIdentity = z.infer<typeof ProcessIdentity>

const linux = process.platform === 'linux'
let boot: string | undefined

/** Returns the id of the current boot. Any two boots have different ids, also on different machines. */
export function bootId(): string {
  boot ??= linux
    ? readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()
    : execFileSync('sysctl', ['-n', 'kern.bootsessionuuid'], { encoding: 'utf8' }).trim()
  return boot
}

/**
 * Returns the identity of a running process.
 * @returns undefined if there is no such process, or it has ended and waits to be reaped
 * @throws the system's error if the system lacks the resources to look up the process
 */
export function identify(pid: number): ProcessIdentity | undefined {
  const start = linux ? linuxStart(pid) : psStart(pid)
  return start === undefined ? undefined : { pid, start, boot_id: bootId() }
}

/** Number of clock ticks per second that Linux shows to programs. */
const TICKS = 100

/**
 * Returns the start of a process in ms since 1970, accurate to the second. Undefined if the system does not
 * reveal it.
 */
export function startedAt(pid: number): number | undefined {
  if (!linux) return undefined
  const ticks = linuxStart(pid)
  const [, booted] = /^btime (\d+)$/m.exec(quietly('/proc/stat')) ?? []
  if (ticks === undefined || booted === undefined) return undefined
  return (Number(booted) + Number(ticks) / TICKS) * 1000
}

const quietly = (path: string): string => {
  try {
    return readFileSync(path, 'latin1')
  } catch {
    return ''
  }
}

export function isAlive(identity: ProcessIdentity): boolean {
  const now = identify(identity.pid)
  return now !== undefined && now.start === identity.start && now.boot_id === identity.boot_id
}

/** Sends a signal. @returns false if the process has ended, or this user may not signal it */
export function sendSignal(identity: ProcessIdentity, signal: NodeJS.Signals): boolean {
  if (!isAlive(identity)) return false
  try {
    process.kill(identity.pid, signal)
    return true
  } catch (error) {
    if (['ESRCH', 'EPERM'].includes(systemCode(error) ?? '')) return false
    throw error
  }
}

function linuxStart(pid: number): string | undefined {
  let stat: string
  try {
    stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
  } catch (error) {
    // A process that cannot be looked up may still exist.
    if (shortageIn(error)) throw error
    return undefined
  }
  // Skip the program's name, which may contain blanks and parentheses.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return fields[0] === 'Z' || fields[0] === 'X' ? undefined : fields[19]
}

const ps = (...args: string[]): string => {
  try {
    return execFileSync('ps', args, {
      encoding: 'utf8',
      env: { ...process.env, LC_ALL: 'C' },
      maxBuffer: 64 * 1024 * 1024,
    })
  } catch {
    // No process has this pid.
    return ''
  }
}

function psStart(pid: number): string | undefined {
  const [, stat, start] = /^(\S+)\s+(.+)$/.exec(ps('-o', 'stat=,lstart=', '-p', String(pid)).trim()) ?? []
  return stat?.startsWith('Z') ? undefined : start
}
