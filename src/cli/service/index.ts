import { Command } from 'commander'
import { installCommand } from './install.ts'
import { logsCommand } from './logs.ts'
import { printCommand } from './print.ts'
import { restartCommand } from './restart.ts'
import { startCommand, stopCommand } from './start-stop.ts'
import { statusCommand } from './status.ts'
import { uninstallCommand } from './uninstall.ts'

const HELP = `
A service runs the daemon from the machine's start on, and starts it again when it ends. Agents outlive the daemon: a
crash, a restart or an update is nothing to them. Stopping the service stops them, gracefully.

  systemd        the machine's systemd; to install it, root
  systemd-user   systemd of the user alone
  pm2            where pm2 keeps programs running
  launchd        macOS, for the user alone (not tested)

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
