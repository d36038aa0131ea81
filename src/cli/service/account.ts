import { userInfo } from 'node:os'
import { delimiter, dirname } from 'node:path'
import { childEnvironment } from '../../config/environment.ts'
import { UserError } from '../../platform/errors.ts'
import { findAccount } from '../../service/accounts.ts'
import type { Account } from '../../service/plan.ts'
import { answerTo } from '../../service/run.ts'
import { EXIT } from '../exit-codes.ts'

/** What a shell that starts has without its files. */
export const PLAIN_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'
/** A login shell may start much that is slow. */
const SHELL_MS = 30_000
const MARK = '__PATH__='

/** A user of this machine, wherever users are kept. @throws UserError where there is none of that name */
export async function accountOf(name: string): Promise<Account> {
  const found = await findAccount(name)
  if (found) return found
  throw new UserError('no_user', `There is no user ${name} on this machine.`, {
    remedy: 'Name one that there is, with --user.',
    exitCode: EXIT.refused,
  })
}

/** Who this is. */
export function ownAccount(home: string): Account {
  const { username, uid, gid, shell } = userInfo()
  return { name: username, uid, gid, home, shell: shell ?? '/bin/sh' }
}

/** Where a user's programs are: this process's PATH, or what the login shell of another user makes of it. */
export async function pathOf(account: Account): Promise<string> {
  if (account.uid === process.getuid?.()) return childEnvironment(process.env).PATH ?? PLAIN_PATH
  const clean = [`HOME=${account.home}`, `USER=${account.name}`, `SHELL=${account.shell}`, 'TERM=dumb']
  const shell = ['env', '-i', ...clean, `PATH=${PLAIN_PATH}`, account.shell, '-ilc', `echo "${MARK}$PATH"`]
  const { stdout } = await answerTo(['runuser', '-u', account.name, '--', ...shell], process.env, {
    detached: true,
    timeoutMs: SHELL_MS,
  })
  const said = stdout.split('\n').find((line) => line.startsWith(MARK))
  return said?.slice(MARK.length) || PLAIN_PATH
}

/** Updates need npm, which is where Node is. */
export function withRunner(path: string, [node]: string[]): string {
  if (node === undefined || path.split(delimiter).includes(dirname(node))) return path
  return [path, dirname(node)].join(delimiter)
}
