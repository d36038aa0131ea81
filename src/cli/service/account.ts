import { userInfo } from 'node:os'
import { delimiter, dirname } from 'node:path'
import { childEnvironment } from '../../config/environment.ts'
import { UserError } from '../../platform/errors.ts'
import { EXIT } from '../../platform/exit-codes.ts'
import { findAccount } from '../../service/accounts.ts'
import type { Account } from '../../service/plan.ts'
import { queryOrFail } from '../../service/run.ts'

/** PATH of a shell that has read no startup files. */
export const PLAIN_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'
/** Maximum time for a login shell, in ms: its startup files may be slow. */
const SHELL_MS = 30_000
const MARK = '__PATH__='

/**
 * Returns a user of this machine. The user may be in any user database. @throws UserError if no user has this
 * name
 */
export async function accountOf(name: string): Promise<Account> {
  const found = await findAccount(name)
  if (found) return found
  throw new UserError('no_user', `There is no user ${name} on this machine.`, {
    remedy: 'Name an existing user with --user.',
    exitCode: EXIT.refused,
  })
}

/** Returns the account of this process. */
export function ownAccount(home: string): Account {
  const { username, uid, gid, shell } = userInfo()
  return { name: username, uid, gid, home, shell: shell ?? '/bin/sh' }
}

/**
 * Returns the PATH for a user's programs: the PATH of this process, or the PATH of another user's login
 * shell.
 */
export async function pathOf(account: Account): Promise<string> {
  if (account.uid === process.getuid?.()) return childEnvironment(process.env).PATH ?? PLAIN_PATH
  const clean = [`HOME=${account.home}`, `USER=${account.name}`, `SHELL=${account.shell}`, 'TERM=dumb']
  const shell = ['env', '-i', ...clean, `PATH=${PLAIN_PATH}`, account.shell, '-ilc', `echo "${MARK}$PATH"`]
  const { stdout } = await queryOrFail(['runuser', '-u', account.name, '--', ...shell], process.env, {
    detached: true,
    timeoutMs: SHELL_MS,
  })
  const said = stdout.split('\n').find((line) => line.startsWith(MARK))
  return said?.slice(MARK.length) || PLAIN_PATH
}

/** Adds the folder of Node: updates need npm, which is in the same folder. */
export function withRunner(path: string, [node]: string[]): string {
  if (node === undefined || path.split(delimiter).includes(dirname(node))) return path
  return [path, dirname(node)].join(delimiter)
}
