import { execFileSync } from 'node:child_process'
import { constants, readFileSync, type Stats } from 'node:fs'
import { SYSTEM_PATH } from './system-path.ts'

/** Maximum time for a directory service, such as LDAP, to look up a group, in ms. */
const ANSWER_MS = 3000
/** Groups of macOS whose members can become root anyway: wheel and admin. */
const ADMINISTRATORS = [0, 80]
/** Shells of accounts that cannot log in. RHEL and Alpine have some of these accounts in root's group. */
const NO_SHELL = /\/(nologin|false|true|sync|halt|shutdown)$/

/**
 * Reports whether a group may have members other than root and this user. Members are listed in `/etc/passwd`
 * and `/etc/group`; in root's group, only accounts that can log in count. A container's volume can have a
 * group without a name: such a group counts as this user's own if this process belongs to the group, and no
 * directory service knows the group.
 */
export function hasStrangers(gid: number, user = process.geteuid?.()): boolean {
  if (process.platform === 'darwin') return !ADMINISTRATORS.includes(gid)
  // OpenShift runs containers as an arbitrary user in root's group.
  if (gid === 0 && process.getegid?.() === 0 && process.geteuid?.() !== 0) return false
  const accounts = table('/etc/passwd').map(([name, , uid, group, , , shell = '']) => ({
    name,
    uid: Number(uid),
    gid: Number(group),
    counts: gid !== 0 || !NO_SHELL.test(shell),
  }))
  const groups = table('/etc/group').filter(([, , id]) => Number(id) === gid)
  const names = groups.flatMap(([, , , members = '']) => members.split(',')).filter(Boolean)
  const strangers = accounts.filter(({ uid, counts }) => counts && uid !== 0 && uid !== user)
  if (strangers.some((account) => account.gid === gid)) return true
  const known = accounts.filter((account) => !strangers.includes(account)).map(({ name }) => name)
  if (names.some((name) => !known.includes(name))) return true
  if (gid === 0 || groups.length > 0 || accounts.some((account) => account.gid === gid)) return false
  return ![process.getegid?.(), ...(process.getgroups?.() ?? [])].includes(gid) || isKnownElsewhere(gid)
}

/**
 * Reports whether users other than root and `user` can write to a folder. By default, `user` is the owner.
 */
export const isOpen = ({ uid, gid, mode }: Stats, user: number | undefined = uid) =>
  (mode & constants.S_IWOTH) !== 0 || ((mode & constants.S_IWGRP) !== 0 && hasStrangers(gid, user))

function table(path: string): string[][] {
  try {
    return readFileSync(path, 'utf8')
      .split('\n')
      .map((line) => line.split(':'))
  } catch {
    return []
  }
}

const knownElsewhere = new Map<number, boolean>()

function isKnownElsewhere(gid: number): boolean {
  const known = knownElsewhere.get(gid) ?? askFor(gid)
  knownElsewhere.set(gid, known)
  return known
}

function askFor(gid: number): boolean {
  try {
    execFileSync('getent', ['group', String(gid)], {
      env: { ...process.env, PATH: SYSTEM_PATH },
      stdio: 'ignore',
      timeout: ANSWER_MS,
    })
    return true
  } catch (error) {
    // getent exits with 2 for an unknown group. Without getent, there is no directory service either.
    const { status, code } = error as { status?: number | null; code?: string }
    return status !== 2 && code !== 'ENOENT'
  }
}
