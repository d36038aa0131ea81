import { UserError } from '../platform/errors.ts'
import type { Account } from './plan.ts'
import { answerTo } from './run.ts'

/** Exit code of getent for a key that no database has. Any other failure says nothing about the account. */
const NOT_FOUND = 2

/**
 * A user of this machine, wherever users are kept.
 * @param key name, or number
 * @returns undefined where there is certainly none
 * @throws UserError where the user databases do not say
 */
export async function findAccount(key: string | number): Promise<Account | undefined> {
  const argv = ['getent', 'passwd', String(key)]
  const { code, stdout } = await answerTo(argv)
  if (code === NOT_FOUND) return undefined
  const [name, , uid, gid, , home, shell] = stdout.trim().split(':')
  if (code === 0 && name && home)
    return { name, uid: Number(uid), gid: Number(gid), home, shell: shell || '/bin/sh' }
  throw new UserError('users_unknown', `The user databases of this machine do not say who ${key} is.`, {
    remedy: `See what this prints, and mend it: ${argv.join(' ')}; echo $?`,
    exitCode: 4,
  })
}
