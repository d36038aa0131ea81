import { Command } from 'commander'
import { UserError } from '../../platform/errors.ts'
import { EXIT } from '../../platform/exit-codes.ts'
import { checkPolicyFor } from '../client/check-policy.ts'
import { connectSigning, type HubOptions, withHub, withSigning } from '../options.ts'

const HELP = `
Examples:
  $ fomular-daemon agent configure a-1f2e --model opus
  $ fomular-daemon agent configure a-1f2e --permission-mode acceptEdits`

interface Options extends HubOptions {
  model?: string
  permissionMode?: string
}

export function configureCommand(): Command {
  return withSigning(
    withHub(
      new Command('configure')
        .description('change the model or permission mode of an agent while it runs')
        .argument('<id>', 'id of the agent, or a unique prefix')
        .option('--model <model>', 'model: an alias such as opus or sonnet, or a full name')
        .option(
          '--permission-mode <mode>',
          'permission mode: default, acceptEdits, plan, dontAsk, auto, or bypassPermissions; see `agent start --help`',
        )
        .addHelpText('after', HELP)
        .action(configure),
    ),
  )
}

async function configure(given: string, { json, model, permissionMode, ...flags }: Options) {
  if (model === undefined && permissionMode === undefined)
    throw new UserError('usage', 'Nothing to change.', {
      remedy: 'Give --model or --permission-mode.',
      exitCode: EXIT.usage,
    })
  const client = await connectSigning(flags)
  const { agentId, printOutcome } = await import('./outcome.ts')
  const id = await agentId(client, given, flags.machine)
  const changes = {
    ...(model !== undefined && { model }),
    ...(permissionMode !== undefined && { permission_mode: permissionMode }),
  }
  await checkPolicyFor(client, id, { type: 'agent:configure', ...changes })
  const outcome = await client.agentCommand(id, 'configure', changes, 30)
  const text = Object.entries(changes).map(([name, value]) => `${name.replace('_', ' ')} ${value}`)
  printOutcome(outcome, `${id}: ${text.join(', ')}.`, json)
}
