import { Command } from 'commander'
import { numeric } from '../options.ts'
import { installedService, type ServiceOptions, withService } from './options.ts'

const HELP = `
The command shows the log of the service in systemd's journal or in pm2. For the daemon's own log, use
fomular-daemon logs.

Examples:
  $ fomular-daemon service logs
  $ fomular-daemon service logs -f -n 20`

export function logsCommand(): Command {
  return withService(new Command('logs').description("show the service's log").addHelpText('after', HELP))
    .option('-f, --follow', 'keep printing new lines')
    .option('-n, --lines <count>', 'number of lines to show', numeric, 100)
    .action(logs)
}

async function logs({ lines, follow, ...options }: ServiceOptions & { lines: number; follow?: boolean }) {
  const [{ at, manager }, { runInPlace }] = await Promise.all([
    installedService(options),
    import('../../service/run.ts'),
  ])
  const argv = manager.logs(at, { lines, follow: follow ?? false })
  if (argv) {
    process.exitCode = await runInPlace(argv)
    return
  }
  const [{ showLog }, { stateDir }, { state_dir }] = await Promise.all([
    import('../logs.ts'),
    import('../../config/paths.ts'),
    manager.status(at),
  ])
  await showLog({ lines, follow: follow ?? false, stateDir: state_dir ?? stateDir(process.env) })
}
