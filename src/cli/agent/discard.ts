import { Command } from 'commander'
import { connectSigning, type HubOptions, withHub, withSigning } from '../options.ts'

/** Maximum time for the removal of a working tree, in seconds. */
const DISCARD_WAIT_S = 120

const HELP = `
The command is for ended agents that were started with --worktree. It removes the working tree, and the branch
that was made with it. Without --force, it refuses to remove changes that are not committed or not merged,
ignored files that no tool makes again, such as .env, and other repositories in it, such as submodules.

Examples:
  $ fomular-daemon agent discard a-1f2e
  $ fomular-daemon agent discard a-1f2e --force`

export function discardCommand(): Command {
  return withSigning(
    withHub(
      new Command('discard')
        .description("remove an ended agent's working tree and its branch")
        .argument('<id>', 'id of the agent, or a unique prefix')
        .option('--force', 'also remove changes that are not committed or not merged, and ignored files')
        .addHelpText('after', HELP)
        .action(discard),
    ),
  )
}

async function discard(given: string, { json, force = false, ...flags }: HubOptions & { force?: boolean }) {
  const client = await connectSigning(flags)
  const [{ agentId, printOutcome }, { checkPolicyFor }] = await Promise.all([
    import('./outcome.ts'),
    import('../client/check-policy.ts'),
  ])
  const id = await agentId(client, given, flags.machine)
  await checkPolicyFor(client, await client.agent(id), { type: 'agent:discard' })
  const outcome = await client.agentCommand(id, 'discard', { force }, DISCARD_WAIT_S)
  printOutcome(outcome, `Removed the working tree of ${id}.`, json)
}
