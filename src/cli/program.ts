import { Command, CommanderError } from 'commander'
import { UserError } from '../platform/errors.ts'
import { VERSION } from '../platform/version.ts'
import { EXIT } from './exit-codes.ts'
import { runCommand } from './run.ts'

/** Every command but the default one, loaded when the command line names it, or help is to name them all. */
const COMMANDS: Record<string, () => Promise<Command>> = {
  up: async () => (await import('./up.ts')).upCommand(),
  hub: async () => (await import('./hub.ts')).hubCommand(),
  agent: async () => (await import('./agent/index.ts')).agentCommand(),
  enroll: async () => (await import('./enroll.ts')).enrollCommand(),
  machine: async () => (await import('./machine.ts')).machineCommand(),
  status: async () => (await import('./status.ts')).statusCommand(),
  logs: async () => (await import('./logs.ts')).logsCommand(),
  doctor: async () => (await import('./doctor.ts')).doctorCommand(),
  restart: async () => (await import('./restart.ts')).restartCommand(),
  service: async () => (await import('./service/index.ts')).serviceCommand(),
  stop: async () => (await import('./stop.ts')).stopCommand(),
  update: async () => (await import('./update.ts')).updateCommand(),
}

/** Between versions, during an update: of no use to anybody else. */
const HIDDEN: Record<string, () => Promise<Command>> = {
  'self-check': async () => (await import('./update/self-check.ts')).selfCheckCommand(),
  'update-guard': async () => (await import('./update/guard.ts')).guardCommand(),
}

const HELP = `
Examples:
  $ fomular-daemon up                                 hub and daemon on this machine, nothing else needed
  $ fomular-daemon agent start --prompt "Fix the tests" --wait
  $ fomular-daemon agent watch a-1f2e                 follow an agent, answer what it asks
  $ fomular-daemon --server-url wss://os.example.com --key-file ~/.fomular/key
                                                      run agents for a FomularOS server
  $ sudo fomular-daemon service install --server-url wss://os.example.com --key-file key
                                                      the same as a service, from the machine's start on
  $ fomular-daemon doctor                             what is missing, and what to do about it
  $ fomular-daemon update                             the newest version, while the agents run on

Environment:
  FOMULAR_STATE_DIR      state folder (default: ~/.fomular/state)
  FOMULAR_CLAUDE_PATH    the Claude Code program (default: claude on PATH, else its usual places)
  FOMULAR_HUB_URL        the hub that agent and machine commands talk to
  FOMULAR_HUB_KEY        its user key; FOMULAR_HUB_KEY_FILE names a file with it
  FOMULAR_HUB_PORT       port of the hub that up and hub start (default: 3001)
  NO_COLOR, FORCE_COLOR  without, or always with, colours

Exit codes:
  ${EXIT.ok}   done
  ${EXIT.failure}   failed
  ${EXIT.usage}   wrong usage or configuration
  ${EXIT.agent}   the agent, or its turn, failed
  ${EXIT.refused}   what was named is not there, or the command was refused
  ${EXIT.restart}  the daemon asks its supervisor to start it again
  ${EXIT.interrupted} interrupted by Ctrl-C`

/** The command line for these arguments. What is heavy is loaded when a command runs: a daemon's start is to be quick. */
export async function program(args: string[]): Promise<Command> {
  const root = new Command('fomular-daemon')
    .description(
      'Runs Claude Code agents on this machine for a FomularOS server, or for the hub that comes with it.\nWithout a command it is the daemon: see `fomular-daemon run --help` for its flags.',
    )
    .version(VERSION, '-V, --version', 'print the version')
    .helpOption('-h, --help', 'show help; also for each command')
    .addHelpText('after', HELP)
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

/** Commands made apart do not inherit: none of them may exit or write errors by itself. */
function settle(command: Command) {
  command.exitOverride().configureOutput({ outputError: () => {} })
  for (const inner of command.commands) settle(inner)
}

/** Runs what the command line says. Its exit code is left in `process.exitCode`. @throws UserError and others */
export async function runCli(argv: string[]): Promise<void> {
  try {
    await (await program(argv.slice(2))).parseAsync(argv)
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error
    if (error.exitCode === 0) return
    if (error.code === 'commander.help') {
      process.exitCode = EXIT.usage
      return
    }
    throw usageError(error)
  }
}

function usageError(error: CommanderError): UserError {
  const [message = '', ...rest] = error.message.replace(/^error: /, '').split('\n')
  const suggestion = rest.join(' ').replace(/^\((.*)\)$/, '$1')
  return new UserError('usage', message, {
    remedy: suggestion || 'See `fomular-daemon --help`, or --help of the command.',
    exitCode: EXIT.usage,
  })
}
