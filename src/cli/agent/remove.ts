import { Command } from 'commander'
import { connectSigning, type HubOptions, withHub, withSigning } from '../options.ts'

/** Maximum time for a removal, in seconds: --force stops the agent first. */
const REMOVE_WAIT_S = 120

const HELP = `
The command deletes the agent's folder on the machine and the agent's history at the hub. Claude Code keeps
its own record of the session.

Examples:
  $ fomular-daemon agent remove a-1f2e
  $ fomular-daemon agent remove a-1f2e --force`

export function removeCommand(): Command {
  return withSigning(
    withHub(
      new Command('remove')
        .alias('rm')
        .description('remove an ended agent and all its activity')
        .argument('<id>', 'id of the agent, or a unique prefix')
        .option('--force', 'stop a running agent first')
        .addHelpText('after', HELP)
        .action(remove),
    ),
  )
}

async function remove(given: string, { json, force = false, ...flags }: HubOptions & { force?: boolean }) {
  const client = await connectSigning(flags)
  const [{ agentId, printOutcome }, { checkPolicyFor }] = await Promise.all([
    import('./outcome.ts'),
    import('../client/check-policy.ts'),
  ])
  const id = await agentId(client, given, flags.machine)
  const agent = await client.agent(id).catch(() => undefined)
  await checkPolicyFor(client, agent, { type: 'agent:remove' })
  const outcome = await client.agentCommand(id, 'remove', { force }, REMOVE_WAIT_S)
  printOutcome(outcome, `Removed ${id}.`, json)
}
