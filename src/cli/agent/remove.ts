import { Command } from 'commander'
import { connectHub, type HubOptions, withHub } from '../options.ts'

/** Seconds: with --force it is stopped first. */
const REMOVE_WAIT_S = 120

const HELP = `
Its folder on the machine and its history at the hub are deleted. The runtime's own record of the session stays.

Examples:
  $ fomular-daemon agent remove a-1f2e
  $ fomular-daemon agent remove a-1f2e --force`

export function removeCommand(): Command {
  return withHub(
    new Command('remove')
      .alias('rm')
      .description('forget an agent that has ended, with all its activity')
      .argument('<id>', "the agent's id, or its beginning")
      .option('--force', 'stop it first if it runs')
      .addHelpText('after', HELP)
      .action(remove),
  )
}

async function remove(given: string, { json, force = false, ...flags }: HubOptions & { force?: boolean }) {
  const client = await connectHub(flags)
  const { agentId, printOutcome } = await import('./outcome.ts')
  const id = await agentId(client, given, flags.machine)
  const outcome = await client.agentCommand(id, 'remove', { force }, REMOVE_WAIT_S)
  printOutcome(outcome, `${id} is removed.`, json)
}
