import { Command } from 'commander'
import { connectHub, type HubOptions, withHub } from '../options.ts'

/** Maximum time for a removal, in seconds: --force stops the agent first. */
const REMOVE_WAIT_S = 120

const HELP = `
Deletes the agent's folder on the machine and its history at the hub. Claude Code keeps its own record of the
session.

Examples:
  $ fomular-daemon agent remove a-1f2e
  $ fomular-daemon agent remove a-1f2e --force`

export function removeCommand(): Command {
  return withHub(
    new Command('remove')
      .alias('rm')
      .description('remove an ended agent and all its activity')
      .argument('<id>', 'id of the agent, or a unique prefix')
      .option('--force', 'stop a running agent first')
      .addHelpText('after', HELP)
      .action(remove),
  )
}

async function remove(given: string, { json, force = false, ...flags }: HubOptions & { force?: boolean }) {
  const client = await connectHub(flags)
  const { agentId, printOutcome } = await import('./outcome.ts')
  const id = await agentId(client, given, flags.machine)
  const outcome = await client.agentCommand(id, 'remove', { force }, REMOVE_WAIT_S)
  printOutcome(outcome, `Removed ${id}.`, json)
}
