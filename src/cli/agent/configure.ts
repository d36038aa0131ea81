import { Command, Option } from 'commander'
import { UserError } from '../../platform/errors.ts'
import { EXIT } from '../../platform/exit-codes.ts'
import { connectSigning, type HubOptions, withHub, withSigning } from '../options.ts'

const HELP = `
Examples:
  $ fomular-daemon agent configure a-1f2e --model opus
  $ fomular-daemon agent configure a-1f2e --permission-mode acceptEdits
  $ fomular-daemon agent configure a-1f2e --on-limit wait`

interface Options extends HubOptions {
  model?: string
  permissionMode?: string
  onLimit?: string
}

export function configureCommand(): Command {
  return withSigning(
    withHub(
      new Command('configure')
        .description(
          'change the model or permission mode of a running agent, or what it does at its usage limit',
        )
        .argument('<id>', 'id of the agent, or a unique prefix')
        .option('--model <model>', 'model: an alias such as opus or sonnet, or a full name')
        .option(
          '--permission-mode <mode>',
          'permission mode: default, acceptEdits, plan, dontAsk, auto, or bypassPermissions; see `agent start --help`',
        )
        .addOption(
          new Option(
            '--on-limit <action>',
            "continue a turn after the account's usage limit resets, stop the agent, or only show the limit; applies at once",
          ).choices(['wait', 'stop', 'show']),
        )
        .addHelpText('after', HELP)
        .action(configure),
    ),
  )
}

async function configure(given: string, { json, model, permissionMode, onLimit, ...flags }: Options) {
  if (model === undefined && permissionMode === undefined && onLimit === undefined)
    throw new UserError('usage', 'Nothing to change.', {
      remedy: 'Give --model, --permission-mode, or --on-limit.',
      exitCode: EXIT.usage,
    })
  const client = await connectSigning(flags)
  const [{ agentId, printOutcome }, { checkPolicyFor }] = await Promise.all([
    import('./outcome.ts'),
    import('../client/check-policy.ts'),
  ])
  const id = await agentId(client, given, flags.machine)
  const changes = {
    ...(model !== undefined && { model }),
    ...(permissionMode !== undefined && { permission_mode: permissionMode }),
    ...(onLimit !== undefined && { on_limit: onLimit }),
  }
  const agent = await client.agent(id).catch(() => undefined)
  await checkPolicyFor(client, agent, { type: 'agent:configure', ...changes })
  const outcome = await client.agentCommand(id, 'configure', changes, 30)
  const text = Object.entries(changes).map(([name, value]) => `${name.replace('_', ' ')} ${value}`)
  printOutcome(outcome, `${id}: ${text.join(', ')}.`, json)
}
