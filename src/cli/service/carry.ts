import { existsSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { CONFIG_KEYS, type DaemonFlags } from '../../config/config.ts'
import { readConfigFile } from '../../config/file.ts'
import { enrolledOwner, serversBeside } from '../../config/server-owner.ts'
import { refuseForeign, strictByEnvironment } from '../../config/strict.ts'
import { UserError } from '../../platform/errors.ts'
import type { Account } from '../../service/plan.ts'
import { answerTo } from '../../service/run.ts'
import { EXIT } from '../exit-codes.ts'

export interface Carried {
  flags: DaemonFlags
  environment: Record<string, string>
}

/**
 * What the configuration file of who installs says, for a service of another user, who will not read it: it is where
 * `enroll` has written to. A file that the service itself will find goes before it.
 */
export async function carriedSettings(home: string, account: Account): Promise<Carried> {
  const carried: Carried = { flags: {}, environment: {} }
  const path = join(home, '.fomular/config.toml')
  const found = [join(account.home, '.fomular/config.toml'), '/etc/fomular-daemon/config.toml'].some(
    existsSync,
  )
  if (account.home === home || found || !existsSync(path)) return carried
  const file = await readConfigFile({ path, by: 'The configuration file' }, {}, CONFIG_KEYS)
  refuseForeign(file?.faults ?? [], strictByEnvironment(process.env))
  for (const [name, value] of Object.entries(file?.values ?? {})) {
    // Where the other user's state is, is not this one's to say.
    if (name === 'state_dir') continue
    if (name.startsWith('update.') || name === 'strict_modes') {
      carried.environment[`FOMULAR_${name.replace('.', '_').toUpperCase()}`] = String(value)
      continue
    }
    const flag = name.replace(/_(.)/g, (_, letter: string) => letter.toUpperCase())
    carried.flags[flag] =
      typeof value === 'boolean'
        ? value
        : name.endsWith('_file')
          ? resolve(dirname(path), String(value))
          : String(value)
  }
  const owner = enrolledOwner(serversBeside(path), String(file?.values.server_url))
  if (owner !== undefined) carried.environment.FOMULAR_SERVER_USER = String(owner)
  return carried
}

/** A service of another user than this one must be able to read what it is started with. @throws UserError */
export async function checkReadable(account: Account, paths: string[]) {
  if (account.uid === process.getuid?.()) return
  for (const path of paths) {
    if ((await answerTo(['runuser', '-u', account.name, '--', 'test', '-r', path])).code !== 1) continue
    throw new UserError('unreadable', `The user ${account.name} cannot read ${path}.`, {
      remedy: `Put it where that user can, outside of ${process.env.HOME ?? 'this home'}, or name another user with --user.`,
      exitCode: EXIT.refused,
    })
  }
}
