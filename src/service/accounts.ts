import { UserError } from '../platform/errors.ts'
import { EXIT } from '../platform/exit-codes.ts'
import type { Account } from './plan.ts'
import { queryOrFail } from './run.ts'

/**
 * Exit code of getent for a key that is in no database. Any other failure does not show whether the account
 * exists.
 */
const NOT_FOUND = 2

/**
 * Looks up a user of this machine in all of its user databases (files, LDAP, …).
 * @param key name, or numeric id
 * @returns undefined only if the user certainly does not exist
 * @throws UserError if the lookup fails
 */
export async function findAccount(key: string | number): Promise<Account | undefined> {
  const argv = ['getent', 'passwd', String(key)]
  const { code, stdout } = await queryOrFail(argv)
  if (code === NOT_FOUND) return undefined
  const [name, , uid, gid, , home, shell] = stdout.trim().split(':')
  if (code === 0 && name && home)
    return { name, uid: Number(uid), gid: Number(gid), home, shell: shell || '/bin/sh' }
  throw new UserError('users_unknown', `Cannot look up the user ${key} in this machine's user databases.`, {
    remedy: `Run this and fix the error it shows: ${argv.join(' ')}; echo $?`,
    exitCode: EXIT.refused,
  })
}
