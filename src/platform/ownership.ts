import {
  accessSync,
  closeSync,
  constants,
  fstatSync,
  lstatSync,
  readdirSync,
  readFileSync,
  type Stats,
} from 'node:fs'
import { join, resolve } from 'node:path'
import { systemCode } from './errors.ts'
import { hasStrangers } from './group-members.ts'
import { orUndefined } from './or-undefined.ts'
import { type Place, placesOn } from './places-on-path.ts'
import { openPlain } from './plain-files.ts'
import { shellWord } from './shell-word.ts'

/** A reason why another user can change the file or folder at a path. */
export interface OwnershipFault {
  /** Path of the file, folder, or link itself, or of a folder above it. */
  path: string
  kind: 'owner' | 'mode'
  /** True if it is in the state folder. */
  within?: true
  /** Sentence that begins with the path, without a period at its end. */
  message: string
  /** Command that fixes it. */
  remedy: string
}

/** Mode bit of folders in which users can rename and delete only their own files. */
const STICKY = 0o1000

/**
 * Returns the reasons why users other than root and `user` can change or replace a file or folder. Checks the
 * owner and mode of the file or folder, of all folders above it, and of links on its path. Ignores folders
 * that do not exist yet, because this user will create them. In a sticky folder, such as /tmp, users can
 * replace only their own files. Does not check access lists.
 * @param user uid of the only permitted user besides root; default: the user of this process
 */
export function faultsOf(path: string, user = process.geteuid?.()): OwnershipFault[] {
  if (user === undefined) return []
  const found = new Map<string, OwnershipFault>()
  for (const place of placesOn(resolve(path))) {
    const fault = ownerFault(place, user) ?? modeFault(place, user)
    if (fault) found.set(place.path, fault)
  }
  return [...found.values()]
}

/** Maximum number of faults reported for one folder: another user may have filled the folder with files. */
const MOST_FAULTS = 8
/**
 * The hub's folder. The folder's owner may differ from the daemon's user. The folder is checked when a hub
 * starts.
 */
const HUB = 'hub'

/**
 * Returns the files and folders of other users in a state folder and in its folder `agents`. Their owners can
 * change them at any time.
 */
export function foreignIn(dir: string, user = process.geteuid?.()): OwnershipFault[] {
  if (user === undefined) return []
  const places = [dir, join(dir, 'agents')].flatMap((folder) =>
    // `join` would take as long as the check, and there may be thousands of agents.
    namesIn(folder).map((name) => `${folder}/${name}`),
  )
  const found: OwnershipFault[] = []
  for (const path of places) {
    if (path === `${dir}/${HUB}` || isPlainlyTrusted(path, user)) continue
    const fault = faultsOf(path, user).find(({ kind }) => kind === 'owner')
    if (fault?.path.startsWith(`${resolve(dir)}/`))
      found.push({ ...fault, within: true, remedy: `chown -R -h ${user} ${shellWord(dir)}` })
    else if (fault) found.push(fault)
    if (found.length === MOST_FAULTS) break
  }
  return found
}

/**
 * Reports whether a file in a checked folder needs no further check. False for a link, because its target may
 * be anywhere.
 */
function isPlainlyTrusted(path: string, user: number): boolean {
  try {
    const stat = lstatSync(path)
    return !stat.isSymbolicLink() && isTrusted(stat, user)
  } catch {
    // The file is gone, or this user may not inspect it.
    return true
  }
}

const namesIn = (dir: string) => orUndefined(() => readdirSync(dir)) ?? []

const isTrusted = ({ uid }: Stats, user?: number) =>
  user === undefined || uid === 0 || uid === user || uid === unmapped()

const isOwn = (stat: Stats, user?: number) => stat.isFile() && isTrusted(stat, user)

/**
 * Reads a plain file that root or `user` owns, in a folder where other users may replace it in the meantime.
 * @throws the system's error, or an Error if it belongs to another user, is not a file, or is longer than
 * `bytes`
 */
export function readOwnFile(path: string, bytes: number, user = process.geteuid?.()): string {
  const fd = openPlain(path, constants.O_RDONLY | constants.O_NOFOLLOW, bytes)
  try {
    if (!isOwn(fstatSync(fd), user)) throw new Error(`${path} is not this user's own file`)
    return readFileSync(fd, 'utf8')
  } finally {
    closeSync(fd)
  }
}

function ownerFault({ path, stat }: Place, user: number): OwnershipFault | undefined {
  if (isTrusted(stat, user)) return undefined
  return {
    path,
    kind: 'owner',
    message: `${path} belongs to ${userName(stat.uid)}, who is not ${user === 0 ? 'root' : `root or ${userName(user)}`}`,
    remedy: `chown ${user} ${shellWord(path)}`,
  }
}

function modeFault({ path, stat, last }: Place, user: number): OwnershipFault | undefined {
  if (stat.isSymbolicLink() || (!last && (stat.mode & STICKY) !== 0)) return undefined
  const everybody = (stat.mode & constants.S_IWOTH) !== 0
  const group = (stat.mode & constants.S_IWGRP) !== 0 && hasStrangers(stat.gid, user)
  if ((!everybody && !group) || isReadOnly(path)) return undefined
  return {
    path,
    kind: 'mode',
    message: `${path} can be written to by ${everybody ? 'every user' : `the group ${stat.gid}`}`,
    remedy: `chmod ${everybody && group ? 'go-w' : everybody ? 'o-w' : 'g-w'} ${shellWord(path)}`,
  }
}

/**
 * Reports whether a path is on a disk that is mounted read-only here. Kubernetes mounts secrets and settings
 * read-only.
 */
function isReadOnly(path: string): boolean {
  try {
    accessSync(path, constants.W_OK)
    return false
  } catch (error) {
    return systemCode(error) === 'EROFS'
  }
}

/**
 * Returns the uid that stands for all unmapped users in this process's user namespace, including the
 * machine's root. Undefined outside such a namespace.
 */
function unmapped(): number | undefined {
  try {
    const [first, outside, count] = readFileSync('/proc/self/uid_map', 'latin1').trim().split(/\s+/)
    if (first === '0' && outside === '0' && count === '4294967295') return undefined
    return Number(readFileSync('/proc/sys/kernel/overflowuid', 'latin1'))
  } catch {
    return undefined
  }
}

/** Returns a user's name and number, or only the number if the system has no name for it. */
function userName(uid: number): string {
  try {
    const lines = readFileSync('/etc/passwd', 'utf8').split('\n')
    const name = lines.map((line) => line.split(':')).find(([, , id]) => Number(id) === uid)?.[0]
    return name === undefined ? `user ${uid}` : `${name} (user ${uid})`
  } catch {
    return `user ${uid}`
  }
}
