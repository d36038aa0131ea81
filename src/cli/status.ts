import { Command } from 'commander'
import { EXIT } from '../platform/exit-codes.ts'
import { connectDaemon, type LocalOptions, WHICH, withLocal } from './local/index.ts'
import { print, printJson, stdoutColors, stdoutWidth } from './terminal.ts'

const HELP = `
The command pings the server through the daemon. The exit code is 0 if the server answers, 1 if it does not
answer, and 4 if no daemon is running. ${WHICH}

Examples:
  $ fomular-daemon status
  $ fomular-daemon status --json | jq .link`

export function statusCommand(): Command {
  return withLocal(
    new Command('status')
      .description('show the status of the daemon on this machine')
      .addHelpText('after', HELP)
      .action(status),
  )
}

async function status(options: LocalOptions) {
  const [{ daemon, facts }, { isHealthy, statusText }] = await Promise.all([
    connectDaemon(options),
    import('./render/status.ts'),
  ])
  const state = await daemon.status()
  if (options.json) printJson({ ...state, ...facts })
  else print(statusText(state, Date.now(), stdoutColors(), stdoutWidth()))
  process.exitCode = isHealthy(state) ? EXIT.ok : EXIT.failure
}
