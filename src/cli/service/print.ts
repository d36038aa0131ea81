import { Command } from 'commander'
import type { ManagerName, Runs } from '../../service/plan.ts'
import { withHubServeFlags, withStoreFlags } from '../hub/index.ts'
import { withDaemonFlags } from '../start/daemon-flags.ts'
import { note, print } from '../terminal.ts'
import { type ServiceOptions, withPlan } from './options.ts'
import type { PlanFlags } from './plan.ts'

const HELP = `
Use this command if you manage service files yourself. Standard error shows where to save the file and the
key.

Examples:
  $ fomular-daemon service print --server-url wss://os.example.com > fomular-daemon.service
  $ fomular-daemon service print --manager pm2 > ecosystem.config.js`

export function printCommand(): Command {
  return withStoreFlags(
    withHubServeFlags(
      withDaemonFlags(
        withPlan(
          new Command('print')
            .description('print the file that `service install` would write')
            .addHelpText('after', HELP),
        ),
      ),
    ),
  )
    .option('--verbose', 'for a hub: log debug messages')
    .action(printService)
}

async function printService(
  runs: Runs,
  { manager: named, name: wanted, ...flags }: ServiceOptions & PlanFlags,
) {
  const [{ planFor }, { managerNamed, usualManager }, { serviceFiles, serviceNameOf }] = await Promise.all([
    import('./plan.ts'),
    import('../../service/managers.ts'),
    import('../../service/plan.ts'),
  ])
  const manager: ManagerName = named ?? usualManager()
  const name = wanted ?? serviceNameOf(runs)
  const { plan, warnings } = await planFor(runs, manager, name, flags, { keyNeeded: false })
  const { path: file, text } = await managerNamed(manager).file(plan)
  print(text.trimEnd())
  for (const warning of warnings) note(warning)
  note(`Save it as ${file}.`)
  if (plan.ownKey) note(`Save the key as ${serviceFiles(manager, name, plan.account.home).key}, mode 0600.`)
}
