import { Command } from 'commander'
import { UserError } from '../platform/errors.ts'
import { EXIT } from '../platform/exit-codes.ts'
import { withDaemonFlags } from './start/daemon-flags.ts'

const HELP = `
The key may also come from FOMULAR_KEY, FOMULAR_KEY_FILE, the systemd credential "key", or key_file in the
configuration file. Prefer --key-file to --key: other users can briefly see the command line. A value $NAME or
\${NAME} is replaced with the value of the variable NAME.

Every flag has a variable, and a setting in the configuration file. For --max-agents, these are
FOMULAR_MAX_AGENTS and max_agents. The configuration file is ~/.fomular/config.toml or
/etc/fomular-daemon/config.toml, in TOML. Flags override variables, and variables override the file.

Examples:
  $ fomular-daemon --server-url wss://os.example.com --key-file ~/.fomular/key
  $ fomular-daemon run                                connects to ws://localhost:3001, with the key from the environment

SIGTERM and Ctrl-C stop the agents gracefully; a second signal stops them faster. \`fomular-daemon restart\`
keeps agents running.`

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
        : 'Put the command before its flags. See `fomular-daemon --help`.',
      exitCode: EXIT.usage,
    })
  }
  const { serve } = await import('./start/serve.ts')
  process.exitCode = await serve(flags)
}

/**
 * Refuses a flag as a value: if `KEY` is empty, `--key $KEY --max-agents 3` would take `--max-agents` as the
 * key.
 */
function refuseMissingValues(flags: Record<string, string | boolean>, { options }: Command) {
  for (const option of options) {
    const value = flags[option.attributeName()]
    const follows = options.find(({ long }) => typeof value === 'string' && long === value.split('=')[0])
    if (follows)
      throw new UserError('usage', `${option.long} has no value: ${follows.long} follows it.`, {
        remedy: 'Give it a value. If the value is a shell variable, check that the variable is set.',
        exitCode: EXIT.usage,
      })
  }
}
