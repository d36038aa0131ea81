import { Command } from 'commander'
import { connectSigning, type HubOptions, withHub, withSigning } from '../options.ts'

/** Maximum time for a merge, in seconds. */
const MERGE_WAIT_S = 120

const HELP = `
The command is for agents that were started with --worktree. It merges the branch of the agent into the branch
that was checked out in the repository when the agent was started. If the merge has conflicts, or would change
files that have other changes, nothing is changed.

Examples:
  $ fomular-daemon agent merge a-1f2e`

export function mergeCommand(): Command {
  return withSigning(
    withHub(
      new Command('merge')
        .description("merge the branch of an agent's working tree")
        .argument('<id>', 'id of the agent, or a unique prefix')
        .addHelpText('after', HELP)
        .action(merge),
    ),
  )
}

async function merge(given: string, { json, ...flags }: HubOptions) {
  const client = await connectSigning(flags)
  const [{ agentId, printOutcome }, { checkPolicyFor }] = await Promise.all([
    import('./outcome.ts'),
    import('../client/check-policy.ts'),
  ])
  const id = await agentId(client, given, flags.machine)
  await checkPolicyFor(client, await client.agent(id), { type: 'agent:merge' })
  const outcome = await client.agentCommand(id, 'merge', {}, MERGE_WAIT_S)
  const { branch, onto, commit, how } = outcome.result ?? {}
  const done =
    how === 'none' ? `${onto} already contains ${branch}.` : `Merged ${branch} into ${onto}, now ${commit}.`
  printOutcome(outcome, done, json)
}
