import { Command } from 'commander'
import { installCommand } from './install.ts'
import { logsCommand } from './logs.ts'
import { printCommand } from './print.ts'
import { restartCommand } from './restart.ts'
import { startCommand, stopCommand } from './start-stop.ts'
import { statusCommand } from './status.ts'
import { uninstallCommand } from './uninstall.ts'

const HELP = `
The service manager starts the daemon at boot, and restarts the daemon when it exits. A crash, a restart, or
an update of the daemon does not affect its agents. If you stop the service, the service stops its agents
gracefully.

  systemd        the machine's systemd; installing requires root
  systemd-user   the user's systemd
  pm2            for machines that use pm2
  launchd        macOS, for one user (not tested)

Examples:
  $ sudo fomular-daemon service install --server-url wss://os.example.com --key-file key
  $ fomular-daemon service install --manager pm2 --key-file - < key
  $ fomular-daemon service status`

export function serviceCommand(): Command {
  const command = new Command('service')
    .description('run the daemon as a service of systemd, pm2 or launchd')
    .addHelpText('after', HELP)
  for (const make of [
    installCommand,
    uninstallCommand,
    startCommand,
    stopCommand,
    restartCommand,
    statusCommand,
    logsCommand,
    printCommand,
  ])
    command.addCommand(make())
  return command
}
