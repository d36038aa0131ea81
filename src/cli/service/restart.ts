import { Command } from 'commander'
import { print, printJson, stdoutColors } from '../terminal.ts'
import { installedService, type ServiceOptions, withService } from './options.ts'

const HELP = `
The daemon exits with code 75, and the service manager starts it again with the installed program, unit, and
configuration. Agents keep running. If the service would end agents together with the daemon, the
daemon stops these agents first, and resumes them afterwards. If the service is stopped, the command starts it.

Example:
  $ sudo fomular-daemon service restart`

export function restartCommand(): Command {
  return withService(
    new Command('restart')
      .description('restart the daemon while its agents keep running')
      .addHelpText('after', HELP),
  )
    .option('--json', 'print one JSON object')
    .action(restart)
}

async function restart(options: ServiceOptions) {
  const [{ at, manager }, { perform }, { restartDaemonOf, stopAndStart }, { serviceText }] =
    await Promise.all([
      installedService(options),
      import('../../service/steps.ts'),
      import('./bring-up.ts'),
      import('../render/service.ts'),
    ])
  const before = await manager.status(at)
  if (before.running && before.runs === 'hub') await stopAndStart(manager, at)
  else if (before.running && before.state_dir !== undefined)
    await restartDaemonOf(manager, at, before.state_dir)
  else for (const step of manager.start(at)) await perform(step)
  const status = await manager.status(at)
  if (options.json) printJson(status)
  else print(serviceText(status, stdoutColors()))
}
