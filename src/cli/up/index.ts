import { Command } from 'commander'
import { port } from '../options.ts'
import { withSharedDaemonFlags } from '../start/daemon-flags.ts'

const HELP = `
The command runs in the foreground. Ctrl-C stops the agents gracefully; a second Ctrl-C stops them faster.

Examples:
  $ fomular-daemon up
  $ fomular-daemon up --port 4001 --state-dir ./state`

export function upCommand(): Command {
  return withSharedDaemonFlags(
    new Command('up')
      .description('run the hub and a daemon on this machine: all you need to run agents')
      .option('--port <port>', 'port of the hub (default: FOMULAR_HUB_PORT, else 3001)', port)
      .option('--verbose', 'also print the log on standard error')
      .addHelpText('after', HELP),
  ).action(async (options: Record<string, string | boolean | number>) => {
    const { up } = await import('./up.ts')
    const {
      port: hubPort,
      verbose,
      ...flags
    } = options as { port?: number; verbose?: boolean } & Record<string, string>
    process.exitCode = await up({ port: hubPort, verbose: verbose ?? false, flags })
  })
}
