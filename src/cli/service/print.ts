import { Command } from 'commander'
import type { ManagerName } from '../../service/plan.ts'
import { withDaemonFlags } from '../daemon-flags.ts'
import { note, print } from '../terminal.ts'
import { type ServiceOptions, withPlan } from './options.ts'

const HELP = `
For those who manage such files themselves. Where the key belongs is said beside it.

Examples:
  $ fomular-daemon service print --server-url wss://os.example.com > fomular-daemon.service
  $ fomular-daemon service print --manager pm2 > ecosystem.config.js`

export function printCommand(): Command {
  return withDaemonFlags(
    withPlan(new Command('print').description('what would be installed').addHelpText('after', HELP)),
  ).action(printService)
}

type Options = ServiceOptions & { user?: string; path?: string } & Record<string, string | boolean>

async function printService({ manager: named, name, user, path, ...flags }: Options) {
  const [{ makePlan }, { managerNamed, usualManager }, { serviceFiles }] = await Promise.all([
    import('./plan.ts'),
    import('../../service/managers.ts'),
    import('../../service/plan.ts'),
  ])
  const manager: ManagerName = named ?? usualManager()
  const { plan, warnings } = await makePlan({
    manager,
    name,
    ...(user !== undefined && { user }),
    ...(path !== undefined && { path }),
    flags,
    keyNeeded: false,
  })
  const { path: file, text } = await managerNamed(manager).file(plan)
  print(text.trimEnd())
  for (const warning of warnings) note(warning)
  note(`It belongs into ${file}.`)
  if (plan.ownKey)
    note(`The key belongs into ${serviceFiles(manager, name, plan.account.home).key}, mode 0600.`)
}
