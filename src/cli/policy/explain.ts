import { Command } from 'commander'
import { EXIT } from '../../platform/exit-codes.ts'
import { type LocalOptions, WHICH, withLocal } from '../local/index.ts'
import { cleanLine } from '../render/clean.ts'
import { note, print, printJson, stdoutColors } from '../terminal.ts'

const HELP = `
The file contains a command in the form in which a server would send it, such as agent:start, agent:configure,
or daemon:update. The ids of the command may be missing. Instead of a command, the file may contain only the
specification of an agent. The exit code is 0 if the policy permits the command, and 1 if the policy refuses
it.

The daemon also checks the costs so far, the number of starts in the last hour, the free memory, and the
answer of the gate. This command cannot predict these checks. When an agent is resumed, the daemon also checks
the agent's own specification. ${WHICH}

Examples:
  $ fomular-daemon policy explain start.json
  $ echo '{"cwd":"/etc","permission_mode":"bypassPermissions"}' | fomular-daemon policy explain -
  $ fomular-daemon policy explain start.json --policy ./policy.toml`

interface Options extends LocalOptions {
  policy?: string
}

export function explainCommand(): Command {
  return withLocal(
    new Command('explain')
      .description('say whether the policy refuses a command, and which key refuses it')
      .argument('<file>', 'file with the command as JSON; - reads it from standard input')
      .option('--policy <file>', 'policy to use (default: the policy of the daemon on this machine)')
      .addHelpText('after', HELP)
      .action(explain),
  )
}

async function explain(given: string, { policy: named, ...options }: Options) {
  const [{ readCommand }, { needsSignature, refusalsOf }, { policyToExplain }] = await Promise.all([
    import('./read-command.ts'),
    import('./refusals.ts'),
    import('./policy-to-explain.ts'),
  ])
  const command = readCommand(given)
  const { policy, source, program } = await policyToExplain(named, options)
  const refusals = refusalsOf(policy, command, program)
  const must_be_signed = needsSignature(policy, command)
  if (refusals.length > 0) process.exitCode = EXIT.failure
  if (options.json)
    return printJson({
      must_be_signed,
      permitted: refusals.length === 0,
      type: command.type,
      refusals,
      policy: source,
    })
  const { green, red } = stdoutColors()
  for (const { key, message } of refusals) print(`${red('✗')} ${cleanLine(`${key}: ${message}`)}`)
  if (refusals.length === 0) print(`${green('✓')} ${command.type} is permitted.`)
  if (must_be_signed)
    note(
      'The command must also be signed by a person whose key is in signed_by. The signature is not checked here.',
    )
  note(cleanLine(`Policy: ${source}`))
}
