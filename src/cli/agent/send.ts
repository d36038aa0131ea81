import { Command } from 'commander'
import { UserError } from '../../platform/errors.ts'
import { EXIT } from '../../platform/exit-codes.ts'
import { connectSigning, type HubOptions, JSON_OUTPUT, repeatable, withHub, withSigning } from '../options.ts'

const HELP = `
If the agent is working, it reads the prompt during the current turn or after it. Until then, \`agent withdraw\`
takes the prompt back.

Examples:
  $ fomular-daemon agent send a-1f2e "Now the docs"
  $ fomular-daemon agent send a-1f2e "What is wrong here?" --image screen.png --wait
  $ cat log.txt | fomular-daemon agent send a-1f2e -`

interface Options extends HubOptions {
  promptFile?: string
  image?: string[]
  wait?: boolean
}

export function sendCommand(): Command {
  return withSigning(
    withHub(
      new Command('send')
        .description('send an agent a prompt')
        .argument('<id>', 'id of the agent, or a unique prefix')
        .argument('[prompt]', 'text of the prompt; - reads it from standard input')
        .option('--prompt-file <file>', 'file with the prompt')
        .addOption(repeatable('--image <file>', 'file with an image for the prompt; repeatable'))
        .option('--wait', "print the agent's activity until the turn ends")
        .addHelpText('after', HELP)
        .action(send),
      JSON_OUTPUT.stream,
    ),
  )
}

async function send(given: string, prompt: string | undefined, { json, wait, ...flags }: Options) {
  const { promptContent } = await import('./prompt-content.ts')
  const content = promptContent({ ...flags, prompt })
  if (content === undefined)
    throw new UserError('usage', 'There is no prompt to send.', {
      remedy: 'Give the prompt as text, as - for standard input, or with --prompt-file.',
      exitCode: EXIT.usage,
    })
  const client = await connectSigning(flags)
  const [{ agentId, printOutcome }, { checkPolicyFor }, { placeNow }] = await Promise.all([
    import('./outcome.ts'),
    import('../client/check-policy.ts'),
    import('../../client/place-now.ts'),
  ])
  const id = await agentId(client, given, flags.machine)
  const before = await client.agent(id)
  await checkPolicyFor(client, before, { type: 'agent:prompt' })
  const outcome = await client.agentCommand(id, 'prompt', { content }, 30)
  if (!wait || json || outcome.state === 'pending') printOutcome(outcome, `Sent to ${id}.`, json)
  if (!wait) return
  const { waitForOutcome, waitForTurn } = await import('./wait.ts')
  const { result } = await waitForOutcome(client, outcome)
  const promptId = result?.prompt_id
  process.exitCode = await waitForTurn(client, id, {
    after: placeNow(before),
    promptId: typeof promptId === 'string' ? promptId : undefined,
    json,
  })
}
