import { runtimeVariables } from '../../agents/runtimes/index.ts'
import { homeOf } from '../../config/home.ts'
import type { DaemonFlags } from '../../config/sources.ts'
import { expandCommand } from '../../service/expand.ts'
import type { Pm2Entry } from '../../service/pm2-entry.ts'
import { ownAccount } from './account.ts'
import { readCommandOfService } from './read-command-of-service.ts'
import type { TakenOver } from './taken-over.ts'

/**
 * Variables of a pm2 entry to keep, in addition to the variables of runtimes. pm2 took the other variables
 * from the shell.
 */
const OF_ENTRY =
  /^(FOMULAR_|AWS_|GOOGLE_|(HTTPS?|NO|ALL)_PROXY$|SSL_CERT_(FILE|DIR)$|NODE_EXTRA_CA_CERTS$|LANG$|LC_ALL$)/i
const isOfEntry = (name: string) => OF_ENTRY.test(name) || runtimeVariables.some(({ all }) => all.test(name))

/** Reads the settings of a hand-written pm2 entry. @throws UserError */
export async function takeOverEntry({ name, pm2_env }: Pm2Entry, given: DaemonFlags): Promise<TakenOver> {
  const all = Object.entries(pm2_env.env ?? {}).filter(
    (entry): entry is [string, string] => typeof entry[1] === 'string',
  )
  const environment = Object.fromEntries(all)
  const args = typeof pm2_env.args === 'string' ? pm2_env.args.split(/\s+/) : (pm2_env.args ?? [])
  const account = ownAccount(homeOf(process.env))
  const understood = await readCommandOfService({
    what: `The pm2 entry ${name}`,
    argv: [pm2_env.pm_exec_path ?? '', ...expandCommand(args.filter(Boolean), environment)],
    environment,
    account,
    cwd: pm2_env.pm_cwd ?? '/',
    given,
  })
  const { PATH: _path, HOME: _home, ...kept } = understood.environment
  return {
    user: account.name,
    ...understood,
    environment: Object.fromEntries(Object.entries(kept).filter(([variable]) => isOfEntry(variable))),
    steps: [],
    notes: [
      `The pm2 entry ${name} is taken over: its server, key, state folder ${understood.stateDir}, and variables stay the same. pm2 reads the settings of an entry only once: the agents are ended gracefully, and pm2 then starts the entry again.`,
      'Your own ecosystem file stays unchanged: delete it, or the key in it, once the service works.',
    ],
  }
}
