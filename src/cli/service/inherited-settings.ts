import { existsSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { readConfigFile } from '../../config/file.ts'
import { isStrictByEnvironment, refuseForeign } from '../../config/refuse-foreign.ts'
import { enrolledOwner, serversBeside } from '../../config/server-owner.ts'
import { CONFIG_KEYS } from '../../config/settings.ts'
import type { DaemonFlags } from '../../config/sources.ts'
import { UserError } from '../../platform/errors.ts'
import { EXIT } from '../../platform/exit-codes.ts'
import type { Account } from '../../service/plan.ts'
import { queryOrFail } from '../../service/run.ts'

export interface Carried {
  flags: DaemonFlags
  environment: Record<string, string>
}

/**
 * Returns settings from the installing user's configuration file, for a service of another user. `enroll`
 * writes to this file, but the other user's service does not read it. If the service itself
 * finds a configuration file, that file takes precedence.
 */
export async function carriedSettings(home: string, account: Account): Promise<Carried> {
  const carried: Carried = { flags: {}, environment: {} }
  const path = join(home, '.fomular/config.toml')
  const found = [join(account.home, '.fomular/config.toml'), '/etc/fomular-daemon/config.toml'].some(
    existsSync,
  )
  if (account.home === home || found || !existsSync(path)) return carried
  const file = await readConfigFile({ path, by: 'The configuration file' }, {}, CONFIG_KEYS)
  refuseForeign(file?.faults ?? [], isStrictByEnvironment(process.env))
  for (const [name, value] of Object.entries(file?.values ?? {})) {
    // The other user has a different state folder.
    if (name === 'state_dir') continue
    if (name.startsWith('update.') || name === 'strict_modes') {
      carried.environment[`FOMULAR_${name.replace('.', '_').toUpperCase()}`] = String(value)
      continue
    }
    const flag = name.replace(/_(.)/g, (_, letter: string) => letter.toUpperCase())
    carried.flags[flag] =
      typeof value === 'boolean'
        ? value
        : name.endsWith('_file') || name === 'policy'
          ? resolve(dirname(path), String(value))
          : String(value)
  }
  const owner = enrolledOwner(serversBeside(path), String(file?.values.server_url))
  if (owner !== undefined) carried.environment.FOMULAR_SERVER_USER = String(owner)
  return carried
}

/**
 * Checks that the user of a service can read the files that the service gets at its start.
 * @throws UserError
 */
export async function checkReadable(account: Account, paths: string[]) {
  if (account.uid === process.getuid?.()) return
  for (const path of paths) {
    if ((await queryOrFail(['runuser', '-u', account.name, '--', 'test', '-r', path])).code !== 1) continue
    throw new UserError('unreadable', `The user ${account.name} cannot read ${path}.`, {
      remedy: `Move the file to a place that this user can read, outside of ${process.env.HOME ?? 'this home'}, or name another user with --user.`,
      exitCode: EXIT.refused,
    })
  }
}
