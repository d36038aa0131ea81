import { Command, CommanderError, Option } from 'commander'
import { EXIT } from '../platform/exit-codes.ts'
import { VERSION } from '../platform/version.ts'
import { HIDDEN } from './hidden-commands.ts'
import { fillHelp, helpWidth } from './render/help.ts'
import { runCommand } from './run.ts'
import { print, write, writeError } from './terminal.ts'
import { usageError } from './usage.ts'

/** Every command except the default. A command is loaded only for help, or when the command line names it. */
const COMMANDS: Record<string, () => Promise<Command>> = {
  up: async () => (await import('./up/index.ts')).upCommand(),
  hub: async () => (await import('./hub/index.ts')).hubCommand(),
  open: async () => (await import('./open/index.ts')).openCommand(),
  agent: async () => (await import('./agent/index.ts')).agentCommand(),
  enroll: async () => (await import('./enroll/index.ts')).enrollCommand(),
  machine: async () => (await import('./machine/index.ts')).machineCommand(),
  status: async () => (await import('./status.ts')).statusCommand(),
  metrics: async () => (await import('./metrics.ts')).metricsCommand(),
  logs: async () => (await import('./logs.ts')).logsCommand(),
  doctor: async () => (await import('./doctor/index.ts')).doctorCommand(),
  config: async () => (await import('./config.ts')).configCommand(),
  key: async () => (await import('./key/index.ts')).keyCommand(),
  policy: async () => (await import('./policy/index.ts')).policyCommand(),
  restart: async () => (await import('./restart.ts')).restartCommand(),
  service: async () => (await import('./service/index.ts')).serviceCommand(),
  stop: async () => (await import('./stop.ts')).stopCommand(),
  support: async () => (await import('./support/index.ts')).supportCommand(),
  update: async () => (await import('./update/index.ts')).updateCommand(),
  completion: async () => (await import('./completion/index.ts')).completionCommand(),
  conformance: async () => (await import('./conformance/index.ts')).conformanceCommand(),
}

const HELP = `
Examples:
  $ fomular-daemon up
      run the hub and a daemon on this machine
  $ fomular-daemon open
      open the hub's console in a browser, signed in
  $ fomular-daemon agent start --prompt "Fix the tests" --wait
  $ fomular-daemon agent watch a-1f2e
      follow an agent and answer its questions
  $ fomular-daemon agent watch
      answer the requests of all agents, one after the other
  $ fomular-daemon --server-url wss://os.example.com --key-file ~/.fomular/key
      run agents for a FomularOS server
  $ sudo fomular-daemon service install --server-url wss://os.example.com --key-file key
      run the daemon as a service that starts with the machine
  $ fomular-daemon policy init
      limit what a server may do on this machine
  $ fomular-daemon doctor
      find problems and how to fix them
  $ fomular-daemon update
      update to the newest version while agents keep running

Environment:
  FOMULAR_STATE_DIR      state folder (default: ~/.fomular/state)
  FOMULAR_CONFIG         configuration file (default: ~/.fomular/config.toml)
  FOMULAR_CLAUDE_PATH    Claude Code program (default: claude on PATH)
  FOMULAR_HUB_URL        hub that the agent and machine commands use
  FOMULAR_HUB_KEY_FILE   file with a user key of the hub
  FOMULAR_HUB_KEY        the user key itself
  FOMULAR_SIGN_KEY       file with your private key, to sign commands
  FOMULAR_HUB_PORT       port for up and hub to listen on (default: 3001)
  NO_COLOR, FORCE_COLOR  turn colors off, or always on

Every flag of the daemon also has a variable. See fomular-daemon run --help.

Exit codes:
  ${EXIT.ok}   success
  ${EXIT.failure}   failure
  ${EXIT.usage}   invalid usage or configuration
  ${EXIT.agent}   the agent or its turn failed
  ${EXIT.refused}   not found, or refused
  ${EXIT.restart}  the daemon asks its supervisor to restart it
  ${EXIT.interrupted} interrupted by Ctrl-C`

/**
 * Returns the command tree for these arguments. Commands load their heavy modules when they run, for
 * a fast start.
 */
export async function program(args: string[]): Promise<Command> {
  const root = new Command('fomular-daemon')
    .description(
      'Runs Claude Code agents on this machine for a FomularOS server, or for the hub that comes with this package. Without a command, it runs the daemon: see `fomular-daemon run --help` for the flags.',
    )
    .version(VERSION, '-v, --version', 'print the version')
    .addOption(new Option('-V').hideHelp())
    .helpOption('-h, --help', 'show help; every command has this flag')
    .addHelpText('after', HELP)
  root.on('option:V', () => {
    print(VERSION)
    throw new CommanderError(0, 'commander.version', VERSION)
  })
  root.addCommand(runCommand(), { isDefault: true })
  for (const load of needed(args)) root.addCommand(await load())
  settle(root)
  return root
}

function needed([first = '', ...rest]: string[]) {
  const named = [COMMANDS, HIDDEN].find((table) => Object.hasOwn(table, first))?.[first]
  if (named) return [named]
  const forDaemon = first === 'run' || first === '' || first.startsWith('-')
  return forDaemon && ![first, ...rest].some((arg) => arg === '-h' || arg === '--help')
    ? []
    : Object.values(COMMANDS)
}

/**
 * Keeps a command and its subcommands from exiting or writing errors themselves. Subcommands do not inherit
 * these settings from the command.
 */
function settle(command: Command) {
  const width = helpWidth(process.stdout.columns)
  command
    .exitOverride((error) => {
      throw error.exitCode === 0 || error.code === 'commander.help' ? error : usageError(error, command)
    })
    .configureOutput({
      getOutHelpWidth: () => width,
      getErrHelpWidth: () => width,
      writeOut: (text) => write(fillHelp(text, width)),
      writeErr: (text) => writeError(fillHelp(text, width)),
      outputError: () => {},
    })
  for (const inner of command.commands) settle(inner)
}

/** Runs a command line. Sets `process.exitCode`. @throws UserError or another error */
export async function runCli(argv: string[]): Promise<void> {
  try {
    await (await program(argv.slice(2))).parseAsync(argv)
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error
    if (error.exitCode === 0) return
    process.exitCode = EXIT.usage
  }
}
