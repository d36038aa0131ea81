import { execFileSync } from 'node:child_process'
import { readAtMost } from './read-at-most.ts'
import { trustedEnvironment } from './trusted-path.ts'

/** Time for a directory service, such as LDAP, to look up a user, in ms. */
const ANSWER_MS = 3000
/** Maximum size of the file with the users of this machine, in bytes. */
const FILE_BYTES = 4 * 1024 * 1024
/** Maximum size of an answer about one user, in bytes. */
const ANSWER_BYTES = 64 * 1024

/** A user of this machine. */
export interface Account {
  name: string
  uid: number
  /** Primary group. */
  gid: number
  home: string
  shell: string
}

/** Looks up a user by name, in the machine's file and in its other user databases. @returns undefined if there is none */
export function accountOf(name: string): Account | undefined {
  return lineOf(name, () => readAtMost('/etc/passwd', FILE_BYTES, 0).text) ?? lineOf(name, () => ask(name))
}

/** Returns the ids of a user's groups. Some may be missing if the user database does not answer. */
export function groupsOf({ name, gid }: Account): number[] {
  try {
    return run('id', ['-G', name]).trim().split(/\s+/).map(Number)
  } catch {
    return [gid]
  }
}

/** Returns the names of a user's groups, or an empty list if the user database does not answer. */
export function groupNamesOf({ name }: Account): string[] {
  try {
    return run('id', ['-Gn', name]).trim().split(/\s+/)
  } catch {
    return []
  }
}

function lineOf(name: string, read: () => string): Account | undefined {
  try {
    for (const line of read().split('\n')) {
      const [found, , uid, gid, , home, shell] = line.split(':')
      if (found === name && isId(uid) && isId(gid) && home?.startsWith('/'))
        return { name, uid: Number(uid), gid: Number(gid), home, shell: shell?.trim() || '/bin/sh' }
    }
  } catch {
    // The file or the program is missing.
  }
  return undefined
}

const isId = (text: string | undefined) => text !== undefined && /^\d{1,10}$/.test(text)

const ask = (name: string) => run('getent', ['passwd', name])

const run = (program: string, args: string[]) =>
  execFileSync(program, args, {
    encoding: 'utf8',
    env: trustedEnvironment(),
    timeout: ANSWER_MS,
    maxBuffer: ANSWER_BYTES,
    stdio: ['ignore', 'pipe', 'ignore'],
  })
