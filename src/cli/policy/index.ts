import { Command } from 'commander'
import { checkCommand } from './check.ts'
import { explainCommand } from './explain.ts'
import { initCommand } from './init.ts'

const HELP = `
A policy is a file on this machine that limits what a server may do here. It limits the folders in which
agents work, their permission modes, tools, MCP servers, environment, costs, and more. The server cannot
change it. The file is /etc/fomular-daemon/policy.toml, or else ~/.fomular/policy.toml of the daemon's user.
Only root and the daemon's user may have write access to this file.

Without a policy file, a new machine follows a careful default if its server is on another machine. In all
other cases, a server may do anything that the daemon's user can do.

Examples:
  $ sudo fomular-daemon policy init
  $ fomular-daemon policy check
  $ fomular-daemon policy explain start.json`

export function policyCommand(): Command {
  return new Command('policy')
    .description('limit what a server may do on this machine')
    .addHelpText('after', HELP)
    .addCommand(initCommand())
    .addCommand(checkCommand())
    .addCommand(explainCommand())
}
