import { Command } from 'commander'
import type { HubClient } from '../../client/hub-client.ts'
import { shellWord } from '../../platform/shell-word.ts'
import type { HubAgent, Outcome } from '../../protocol/index.ts'
import { connectSigning, type HubOptions, withHub, withSigning } from '../options.ts'
import { cleanLine } from '../render/clean.ts'

/** Maximum time for a removal, in seconds: --force stops the agent first. */
const REMOVE_WAIT_S = 120

const HELP = `
The command deletes the agent's folder on the machine and the agent's history at the hub. Claude Code keeps
its own record of the session. The working tree of an agent that was started with --worktree stays, with its
branch. With --discard-worktree, it is removed first, as by \`agent discard\` without --force: if the working
tree has work that is not committed or not merged, or ignored files, nothing is removed.

Examples:
  $ fomular-daemon agent remove a-1f2e
  $ fomular-daemon agent remove a-1f2e --force
  $ fomular-daemon agent remove a-1f2e --discard-worktree`

export function removeCommand(): Command {
  return withSigning(
    withHub(
      new Command('remove')
        .alias('rm')
        .description('remove an ended agent and all its activity')
        .argument('<id>', 'id of the agent, or a unique prefix')
        .option('--force', 'stop a running agent first')
        .option('--discard-worktree', "first remove the agent's working tree, if it has one, and its branch")
        .addHelpText('after', HELP)
        .action(remove),
    ),
  )
}

interface RemoveFlags extends HubOptions {
  force?: boolean
  discardWorktree?: boolean
}

async function remove(given: string, { json, force = false, discardWorktree, ...flags }: RemoveFlags) {
  const client = await connectSigning(flags)
  const [{ agentId, printOutcome }, { checkPolicyFor }] = await Promise.all([
    import('./outcome.ts'),
    import('../client/check-policy.ts'),
  ])
  const id = await agentId(client, given, flags.machine)
  const agent = await client.agent(id).catch(() => undefined)
  await checkPolicyFor(client, agent, { type: 'agent:remove' })
  const isDiscarded = discardWorktree === true && agent?.worktree !== undefined
  const before = isDiscarded ? await discardFirst(client, agent, force) : undefined
  // The working tree of a removed agent can no longer be discarded, so the agent stays until it is.
  if (before?.state === 'pending') return printOutcome(before, '', json)
  const outcome = await client.agentCommand(id, 'remove', { force }, REMOVE_WAIT_S)
  const what = isDiscarded ? `${id} and its working tree` : id
  printOutcome(outcome, `Removed ${what}.${keptText(outcome)}`, json)
}

/** Stops an agent if `force` is true, and removes its working tree. @returns the last outcome */
async function discardFirst(client: HubClient, agent: HubAgent, force: boolean): Promise<Outcome> {
  const { agent_id, state } = agent
  const { checkPolicyFor } = await import('../client/check-policy.ts')
  await checkPolicyFor(client, agent, { type: 'agent:discard' })
  if (force && state !== 'exited' && state !== 'failed') {
    const stopped = await client.agentCommand(agent_id, 'stop', {}, REMOVE_WAIT_S)
    if (stopped.state === 'pending') return stopped
  }
  return client.agentCommand(agent_id, 'discard', { force: false }, REMOVE_WAIT_S)
}

/** Says where the working tree of a removed agent stays, and how to remove it. */
function keptText({ result }: Outcome): string {
  const told = (result?.worktree ?? {}) as Record<string, unknown>
  const [path, branch, repository] = [told.path, told.branch, told.repository].map((each) =>
    typeof each === 'string' ? cleanLine(each) : '',
  )
  if (!path || !repository) return ''
  const command = `git -C ${shellWord(repository)} worktree remove ${shellWord(path)}`
  return ` Its working tree stays in ${path}, with the branch ${branch}.\nTo remove the working tree: ${command}`
}
