import { Command } from 'commander'
import { connectSigning, type HubOptions, JSON_OUTPUT, repeatable, withHub, withSigning } from '../options.ts'
import type { PromptFlags } from './prompt-content.ts'

/** Maximum time for the start of the agent's process, in seconds. */
const RESUME_WAIT_S = 60

const HELP = `
Examples:
  $ fomular-daemon agent resume a-1f2e
  $ fomular-daemon agent resume a-1f2e --prompt "Continue" --wait`

interface Options extends HubOptions, PromptFlags {
  session?: string
  wait?: boolean
}

export function resumeCommand(): Command {
  return withSigning(
    withHub(
      new Command('resume')
        .description('start an ended agent again, in the same conversation')
        .argument('<id>', 'id of the agent, or a unique prefix')
        .option('--prompt <text>', 'prompt to continue with; - reads it from standard input')
        .option('--prompt-file <file>', 'file with the prompt')
        .addOption(repeatable('--image <file>', 'file with an image for the prompt; repeatable'))
        .option('--session <id>', "id of the session to resume (default: the agent's last session)")
        .option('--wait', "with a prompt, print the agent's activity until the turn ends")
        .addHelpText('after', HELP)
        .action(resume),
      JSON_OUTPUT.stream,
    ),
  )
}

async function resume(given: string, { json, session, wait, ...flags }: Options) {
  const { promptContent } = await import('./prompt-content.ts')
  const prompt = promptContent(flags)
  const client = await connectSigning(flags)
  const [{ agentId, delayOf, notePending, printOutcome }, { checkPolicyFor }, { placeNow }] =
    await Promise.all([
      import('./outcome.ts'),
      import('../client/check-policy.ts'),
      import('../../client/place-now.ts'),
    ])
  const id = await agentId(client, given, flags.machine)
  const agent = await client.agent(id)
  const body = {
    ...(session !== undefined && { session_id: session }),
    ...(prompt !== undefined && { prompt }),
  }
  await checkPolicyFor(client, agent, { type: 'agent:resume' })
  const outcome = await client.agentCommand(id, 'resume', body, RESUME_WAIT_S)
  if (outcome.state === 'pending' && !json) notePending(await delayOf(client, id))
  else printOutcome(outcome, `${id} is running again.`, json)
  if (!wait || prompt === undefined) return
  const { waitForOutcome, waitForTurn } = await import('./wait.ts')
  const { result } = await waitForOutcome(client, outcome)
  const { prompt_id, run } = result ?? {}
  process.exitCode = await waitForTurn(client, id, {
    after: placeNow(agent),
    promptId: typeof prompt_id === 'string' ? prompt_id : undefined,
    run: typeof run === 'number' ? run : undefined,
    json,
  })
}
