import { Command } from 'commander'
import { EXIT } from '../../platform/exit-codes.ts'
import { print, printJson, stdoutColors } from '../terminal.ts'
import { installedService, type ServiceOptions, withService } from './options.ts'

const HELP = `
The command shows the status of the service. For the daemon's own status, use fomular-daemon status
--state-dir with the folder shown here. The exit code is 0 only if the service is running.

Examples:
  $ fomular-daemon service status
  $ fomular-daemon service status --json | jq .restarts`

export function statusCommand(): Command {
  return withService(
    new Command('status')
      .description('show whether the service is installed and running')
      .addHelpText('after', HELP),
  )
    .option('--json', 'print one JSON object')
    .action(status)
}

async function status(options: ServiceOptions) {
  const [{ at, manager }, { serviceText }] = await Promise.all([
    installedService(options),
    import('../render/service.ts'),
  ])
  const state = await manager.status(at)
  if (options.json) printJson(state)
  else print(serviceText(state, stdoutColors()))
  process.exitCode = state.running ? EXIT.ok : EXIT.failure
}
