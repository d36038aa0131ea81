import {
  accessSync,
  closeSync,
  constants,
  fstatSync,
  lstatSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  type Stats,
} from 'node:fs'
import { dirname, isAbsolute, join, resolve } from 'node:path'
import { systemCode } from './errors.ts'
import { hasStrangers } from './group-members.ts'
import { shellWord } from './shell-word.ts'

/** What lets somebody else change what is at a path. */
export interface Fault {
  /** The file, folder or link itself, or a folder above. */
  path: string
  kind: 'owner' | 'mode'
  /** It lies in the state folder. */
  within?: true
  /** With the path as its subject, as a sentence without a full stop. */
  message: string
  /** A command. */
  remedy: string
}

/** Bit of a folder in which nobody can rename or delete what is another's. */
const STICKY = 0o1000
/** As many as the system follows in one path. */
const MOST_LINKS = 40

/**
 * Returns what lets users other than root and `user` change or replace a file or folder: its own owner and mode, those of
 * all folders above, and of links on the way. Folders that do not exist yet are made by this user. In a sticky folder, as
 * /tmp, nobody can replace what is another's. Access lists are not looked at.
 * @param user uid of the user that is to be the only one; this process's by default
 */
export function faultsOf(path: string, user = process.geteuid?.()): Fault[] {
  if (user === undefined) return []
  const found = new Map<string, Fault>()
  for (const place of placesOn(resolve(path))) {
    const fault = ownerFault(place, user) ?? modeFault(place, user)
    if (fault) found.set(place.path, fault)
  }
  return [...found.values()]
}

interface Place {
  path: string
  stat: Stats
  /** The end of the path, not a folder above it. */
  last: boolean
}

/** Everything that decides what a path leads to, in the order in which the system looks at it. */
function* placesOn(path: string): Generator<Place> {
  const names = path.split('/').filter(Boolean)
  let at = '/'
  yield { path: at, stat: lstatSync(at), last: names.length === 0 }
  for (let links = 0; names.length > 0; ) {
    const name = names.shift()!
    const next = name === '..' ? dirname(at) : join(at, name)
    let stat: Stats
    try {
      stat = lstatSync(next)
    } catch {
      return
    }
    const isLink = stat.isSymbolicLink()
    yield { path: next, stat, last: names.length === 0 }
    if (!isLink) at = next
    else {
      if (++links > MOST_LINKS) return
      const target = readlinkSync(next)
      if (isAbsolute(target)) at = '/'
      names.unshift(...target.split('/').filter((each) => each !== '' && each !== '.'))
    }
  }
}

/** Faults that are told of one folder: a neighbor may have filled it. */
const MOST_FAULTS = 8
/** The hub's folder may be of another user than the daemon's. It is looked at when a hub starts. */
const HUB = 'hub'

/** Returns what others own in a state folder, and among the folders of its agents: they can change that at any time. */
export function foreignIn(dir: string, user = process.geteuid?.()): Fault[] {
  if (user === undefined) return []
  const places = [dir, join(dir, 'agents')].flatMap((folder) =>
    namesIn(folder).map((name) => join(folder, name)),
  )
  const found: Fault[] = []
  for (const path of places) {
    if (path === join(dir, HUB) || isPlainlyTrusted(path, user)) continue
    const fault = faultsOf(path, user).find(({ kind }) => kind === 'owner')
    if (fault?.path.startsWith(`${resolve(dir)}/`))
      found.push({ ...fault, within: true, remedy: `chown -R -h ${user} ${shellWord(dir)}` })
    else if (fault) found.push(fault)
    if (found.length === MOST_FAULTS) break
  }
  return found
}

/** Of a folder that has been looked at. False for a link, which leads elsewhere. */
function isPlainlyTrusted(path: string, user: number): boolean {
  try {
    const stat = lstatSync(path)
    return !stat.isSymbolicLink() && isTrusted(stat, user)
  } catch {
    // It is gone by now, or not this user's to look at.
    return true
  }
}

function namesIn(dir: string): string[] {
  try {
    return readdirSync(dir)
  } catch {
    return []
  }
}

const isTrusted = ({ uid }: Stats, user?: number) =>
  user === undefined || uid === 0 || uid === user || uid === unmapped()

const isOwn = (stat: Stats, user?: number) => stat.isFile() && isTrusted(stat, user)

/**
 * Reads a plain file that root or `user` owns, in a folder in which others may put something else at its place meanwhile.
 * @throws the system's error, or an Error if it is another's, no file, or longer than `bytes`
 */
export function readOwnFile(path: string, bytes: number, user = process.geteuid?.()): string {
  const fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOFOLLOW)
  try {
    const stat = fstatSync(fd)
    if (!isOwn(stat, user) || stat.size > bytes) throw new Error(`${path} is not this user's own file`)
    return readFileSync(fd, 'utf8')
  } finally {
    closeSync(fd)
  }
}

function ownerFault({ path, stat }: Place, user: number): Fault | undefined {
  if (isTrusted(stat, user)) return undefined
  return {
    path,
    kind: 'owner',
    message: `${path} belongs to ${userName(stat.uid)}, who is not ${user === 0 ? 'root' : `root or ${userName(user)}`}`,
    remedy: `chown ${user} ${shellWord(path)}`,
  }
}

function modeFault({ path, stat, last }: Place, user: number): Fault | undefined {
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

/** Whether it is on a disk that nobody can write to from here, as Kubernetes mounts secrets and settings. */
function isReadOnly(path: string): boolean {
  try {
    accessSync(path, constants.W_OK)
    return false
  } catch (error) {
    return systemCode(error) === 'EROFS'
  }
}

/**
 * The uid that stands for all users without one in this process's user namespace, in which root of the machine is one of
 * them. Undefined outside such a namespace.
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

/** With its number alone where the system has no name for it. */
function userName(uid: number): string {
  try {
    const lines = readFileSync('/etc/passwd', 'utf8').split('\n')
    const name = lines.map((line) => line.split(':')).find(([, , id]) => Number(id) === uid)?.[0]
    return name === undefined ? `user ${uid}` : `${name} (user ${uid})`
  } catch {
    return `user ${uid}`
  }
}
