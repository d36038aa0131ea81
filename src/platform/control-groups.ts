import {
  closeSync,
  constants,
  lstatSync,
  openSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmdirSync,
  statfsSync,
  writeSync,
} from 'node:fs'
import { isAbsolute, join, normalize } from 'node:path'
import { orUndefined } from './or-undefined.ts'

/** Type of the file system of control groups of version 2 (`CGROUP2_SUPER_MAGIC`). */
const CGROUP2 = 0x63677270
/** Maximum depth of groups within a group. */
const DEPTH = 16

/**
 * Returns the folder of a process's control group of version 2; undefined if this process sees no such group.
 */
export const groupFolder = (pid: number | 'self'): string | undefined =>
  orUndefined(() => {
    const groups = readFileSync(`/proc/${pid}/cgroup`, 'utf8')
    return folderIn(groups, readFileSync('/proc/self/mountinfo', 'utf8'))
  })

/**
 * Returns the folder of a process's control group. @param groups content of the process's `cgroup` @param
 * mounts content of this process's `mountinfo`
 */
export function folderIn(groups: string, mounts: string): string | undefined {
  const [, path = '/..'] = /^0::(\/.*)$/m.exec(groups) ?? []
  // The group of a process in another namespace can be outside of the mounted part of the hierarchy.
  if (path.split('/').includes('..')) return undefined
  for (const line of mounts.split('\n')) {
    const [front = '', back = ''] = line.split(' - ')
    const [, , , root, point] = front.split(' ').map(unescaped)
    if (!back.startsWith('cgroup2 ') || root === undefined || point === undefined) continue
    const outer = root === '/' ? '' : root
    if (path === root || path.startsWith(`${outer}/`))
      return normalize(join(point, path.slice(outer.length), '.'))
  }
  return undefined
}

/** Replaces the octal codes that `mountinfo` contains instead of blanks and backslashes. */
const unescaped = (text: string) =>
  text.replace(/\\([0-7]{3})/g, (_, code: string) => String.fromCharCode(Number.parseInt(code, 8)))

/**
 * Reports whether a path without links leads to the folder of a control group. The path may come from an
 * untrusted file.
 */
export const isGroupFolder = (path: string): boolean =>
  orUndefined(
    () =>
      isAbsolute(path) &&
      realpathSync(path) === path &&
      lstatSync(path).isDirectory() &&
      statfsSync(path).type === CGROUP2,
  ) ?? false

/** Returns the ids of all processes in a group and the groups within it. Empty if the group is gone. */
export function membersOf(folder: string, depth = DEPTH): number[] {
  const listed = orUndefined(() => readFileSync(join(folder, 'cgroup.procs'), 'utf8')) ?? ''
  // Skip 0, which stands for a process of another namespace.
  const own = listed
    .split('\n')
    .map(Number)
    .filter((pid) => pid > 0)
  return depth === 0
    ? own
    : [...own, ...groupsIn(folder).flatMap((name) => membersOf(join(folder, name), depth - 1))]
}

/** Lists the groups directly within a group. */
export const groupsIn = (folder: string): string[] =>
  (orUndefined(() => readdirSync(folder, { withFileTypes: true })) ?? []).flatMap((entry) =>
    entry.isDirectory() ? [entry.name] : [],
  )

/**
 * Reports whether a group, or a group within it, has processes. Processes that wait to be reaped do not
 * count.
 */
export const isPopulated = (folder: string): boolean =>
  orUndefined(() => /^populated 1$/m.test(readFileSync(join(folder, 'cgroup.events'), 'utf8'))) ?? false

/**
 * Kills all processes in a group and the groups within it. With a kernel before 5.14, kills the processes one
 * by one.
 */
export function killMembers(folder: string) {
  try {
    writeGroupFile(join(folder, 'cgroup.kill'), '1')
  } catch {
    for (const pid of membersOf(folder)) orUndefined(() => process.kill(pid, 'SIGKILL'))
  }
}

/**
 * Deletes a group and the groups within it. @returns true if all of them are deleted: a group with processes
 * cannot be deleted
 */
export function removeGroup(folder: string, depth = DEPTH): boolean {
  if (depth > 0) for (const name of groupsIn(folder)) removeGroup(join(folder, name), depth - 1)
  orUndefined(() => rmdirSync(folder))
  return orUndefined(() => lstatSync(folder)) === undefined
}

/** Writes to an existing file of a group. @throws the system error */
export function writeGroupFile(path: string, value: string) {
  const fd = openSync(path, constants.O_WRONLY | constants.O_TRUNC | constants.O_NOFOLLOW)
  try {
    writeSync(fd, value)
  } finally {
    closeSync(fd)
  }
}

/**
 * Returns the number in a group's file. If `name` is given, returns the number in the line with that name.
 * Undefined if the value is `max`, or the file is missing.
 */
export function groupNumber(path: string, name?: string): number | undefined {
  const text = orUndefined(() => readFileSync(path, 'utf8'))
  const pattern = name === undefined ? /^(\d+)$/m : new RegExp(`^${name} (\\d+)$`, 'm')
  const [, digits] = pattern.exec(text ?? '') ?? []
  return digits === undefined ? undefined : Number(digits)
}
