import { Command } from 'commander'
import { UserError } from '../platform/errors.ts'
import { withDaemonFlags } from './daemon-flags.ts'
import { EXIT } from './exit-codes.ts'

const HELP = `
The key may also come from FOMULAR_KEY, FOMULAR_KEY_FILE, the systemd credential "key", or key_file in the
configuration file. On the command line other users can see it for a moment: prefer --key-file.
A value that reads $NAME or \${NAME} is taken from that variable, where whatever starts the daemon has not done so.

Every flag has a variable (--max-agents: FOMULAR_MAX_AGENTS) and a setting in the configuration file, TOML at
~/.fomular/config.toml or /etc/fomular-daemon/config.toml (max_agents). Flags go before variables before the file.

Examples:
  $ fomular-daemon --server-url wss://os.example.com --key-file ~/.fomular/key
  $ fomular-daemon run                                against ws://localhost:3001, key from the environment

SIGTERM and Ctrl-C stop the agents gracefully, a second time faster. \`fomular-daemon restart\` lets them go on.`

export function runCommand(): Command {
  return withDaemonFlags(new Command('run'))
    .description('run the daemon: connect to a server and run agents for it (the default command)')
    .allowExcessArguments()
    .addHelpText('after', HELP)
    .action(run)
}

async function run(flags: Record<string, string | boolean>, command: Command) {
  refuseMissingValues(flags, command)
  const [unknown] = command.args
  if (unknown !== undefined) {
    const { suggest } = await import('../config/suggest.ts')
    const meant = suggest(unknown, command.parent?.commands.map((each) => each.name()) ?? [])
    throw new UserError('usage', `There is no command "${unknown}".`, {
      remedy: meant
        ? `Did you mean \`fomular-daemon ${meant}\`?`
        : 'A command comes before its flags: see `fomular-daemon --help`.',
      exitCode: EXIT.usage,
    })
  }
  const { serve } = await import('./serve.ts')
  process.exitCode = await serve(flags)
}

/** `--key $KEY --max-agents 3`, with nothing in the variable, has the next flag as the key. */
function refuseMissingValues(flags: Record<string, string | boolean>, { options }: Command) {
  for (const option of options) {
    const value = flags[option.attributeName()]
    const follows = options.find(({ long }) => typeof value === 'string' && long === value.split('=')[0])
    if (follows)
      throw new UserError('usage', `${option.long} has no value: ${follows.long} follows it.`, {
        remedy: 'Give it one. Where a variable stands for it, that variable is empty or not set.',
        exitCode: EXIT.usage,
      })
  }
}
