import { execFileSync } from 'node:child_process'
import { closeSync, openSync, readdirSync, readlinkSync, readSync, statSync } from 'node:fs'
import { shortageIn } from './errors.ts'
import { bootId, type ProcessIdentity } from './process-identity.ts'

/** A process of this machine that this user may inspect. */
export interface Listed extends ProcessIdentity {
  parent: number
  /**
   * Pid of the first process of its session (on Linux) or process group (on other systems). The other members
   * descend from that process.
   */
  leader: number
  /** The process's real user, who started it. A setuid program runs with the rights of another user. */
  user: number
  /** Values that the requested environment variables had when the process was started. */
  variables: (string | undefined)[]
}

const linux = process.platform === 'linux'

/**
 * Lists all processes, except those that have ended and wait to be reaped.
 * @param names environment variables to include
 */
export const listProcesses = (...names: string[]): Listed[] => (linux ? fromProc(names) : fromPs(names))

/** Returns the processes that were started with `name=value` in their environment, except this one. */
export const findByEnvironment = (name: string, value: string): ProcessIdentity[] =>
  listProcesses(name)
    .filter(({ pid, variables: [found] }) => found === value && pid !== process.pid)
    .map(({ pid, start, boot_id }) => ({ pid, start, boot_id }))

/**
 * Reports whether a path leads to different folders for this process and for another process, for example in
 * a container. False if the path is hidden from the other process, for example in a sandbox.
 */
export function seesAnother(pid: number, path: string): boolean {
  if (!linux || mountsOf(pid) === mountsOf('self')) return false
  const theirs = fileAt(`/proc/${pid}/root${path}`)
  return theirs !== undefined && theirs !== fileAt(path)
}

const mountsOf = (pid: number | 'self') => quietly(() => readlinkSync(`/proc/${pid}/ns/mnt`))

const fileAt = (path: string) =>
  quietly(() => {
    const { dev, ino } = statSync(path)
    return `${dev}:${ino}`
  })

/**
 * Returns the environment variables with which a process was started. Undefined if the process is gone, or
 * belongs to another user. Linux only.
 */
export function environmentOf(pid: number): ((name: string) => string | undefined) | undefined {
  const environment = linux ? read(`/proc/${pid}/environ`) : undefined
  return environment === undefined ? undefined : (name) => valueIn(environment, name)
}

/**
 * Returns the real user of a process, who started it. The owner of the process's folder in /proc can be a
 * different user, if the process is protected from inspection. Undefined for a process that is gone.
 */
export function userOf(pid: number): number | undefined {
  const user = linux ? userIn(read(`/proc/${pid}/status`)) : Number(ps('-o', 'ruid=', '-p', String(pid))[0])
  return Number.isInteger(user) ? user : undefined
}

/** Returns this process's real user. */
export const ownUid = (): number => process.getuid?.() ?? 0

const userIn = (status = '') => Number(/^Uid:\t(\d+)/m.exec(status)?.[1])

/**
 * Returns the program and arguments of every process. On systems other than Linux, an argument with blanks is
 * split.
 */
export function commandLines(): { pid: number; argv: string[] }[] {
  if (linux)
    return pids().flatMap((pid) => {
      const line = read(`/proc/${pid}/cmdline`)
      return line ? [{ pid, argv: line.replace(/\0$/, '').split('\0') }] : []
    })
  return ps('-axww', '-o', 'pid=,command=').map((line) => {
    const [pid, ...argv] = line.trim().split(/ +/)
    return { pid: Number(pid), argv }
  })
}

const pids = () =>
  readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)

/** Returns undefined for a process that is gone, or belongs to another user. */
const read = (path: string) => quietly(() => readWhole(path))

/**
 * Buffer for all files in /proc. `readFileSync` would allocate 128 KiB for each file, because /proc tells no
 * sizes, and garbage of a list of all processes would be several times larger than this process.
 */
let buffer: Buffer | undefined

function readWhole(path: string): string {
  buffer ??= Buffer.alloc(16 * 1024)
  const fd = openSync(path, 'r')
  try {
    let text = ''
    for (let length = -1; length !== 0; ) {
      length = readSync(fd, buffer, 0, buffer.length, null)
      text += buffer.toString('latin1', 0, length)
    }
    return text
  } finally {
    closeSync(fd)
  }
}

function quietly<T>(look: () => T): T | undefined {
  try {
    return look()
  } catch (error) {
    // Do not return an incomplete list, which would look like a complete one.
    if (shortageIn(error)) throw error
    return undefined
  }
}

function fromProc(names: string[]): Listed[] {
  const boot_id = bootId()
  return pids().flatMap((pid) => {
    const environment = read(`/proc/${pid}/environ`)
    const stat = environment === undefined ? undefined : read(`/proc/${pid}/stat`)
    if (environment === undefined || stat === undefined) return []
    // Skip the program's name, which may contain blanks and parentheses.
    const [state, parent, , session, ...rest] = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    if (state === 'Z' || state === 'X') return []
    const user = userIn(read(`/proc/${pid}/status`))
    const variables = names.map((name) => valueIn(environment, name))
    return [
      { pid, start: rest[15]!, boot_id, parent: Number(parent), leader: Number(session), user, variables },
    ]
  })
}

function valueIn(environment: string, variable: string): string | undefined {
  const from = `\0${environment}`.indexOf(`\0${variable}=`)
  if (from === -1) return undefined
  const start = from + variable.length + 1
  const end = environment.indexOf('\0', start)
  // The text was read as latin1, but paths are bytes, usually UTF-8: decode it again.
  return Buffer.from(environment.slice(start, end === -1 ? undefined : end), 'latin1').toString('utf8')
}

function fromPs(names: string[]): Listed[] {
  const boot_id = bootId()
  const line = /^ *(\d+) +(\d+) +(\d+) +(\d+) +(\S+) +(\S+ +\S+ +\d+ +[\d:]+ +\d+) (.*)$/
  return ps('-axEww', '-o', 'pid=,ppid=,pgid=,ruid=,stat=,lstart=,command=').flatMap((text) => {
    const [, pid, parent, leader, user, stat, start, command = ''] = line.exec(text) ?? []
    if (start === undefined || stat?.startsWith('Z')) return []
    // The environment follows the arguments, separated by blanks.
    const variables = names.map((name) => new RegExp(` ${name}=(\\S*)`).exec(command)?.[1])
    const ids = { pid: Number(pid), parent: Number(parent), leader: Number(leader), user: Number(user) }
    return [{ ...ids, start, boot_id, variables }]
  })
}

function ps(...args: string[]): string[] {
  try {
    const env = { ...process.env, LC_ALL: 'C' }
    const text = execFileSync('ps', args, { encoding: 'utf8', env, maxBuffer: 64 * 1024 * 1024 })
    return text.split('\n').filter(Boolean)
  } catch {
    return []
  }
}
