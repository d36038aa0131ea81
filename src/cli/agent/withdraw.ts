import { Command } from 'commander'
import { connectHub, type HubOptions, withHub } from '../options.ts'

const HELP = `
A prompt that is sent while the agent works waits until the agent's next step or the end of its turn. Until
then, it can be withdrawn: the agent never reads it. \`agent show\` lists the waiting prompts with their ids. If
only one prompt waits, its id is not needed.

The exit code is 4 if no such prompt waits, for example because the agent has already taken it. To end the turn
of such a prompt, use \`agent interrupt\`. With --cancel-queued, that command also drops all waiting prompts.

Examples:
  $ fomular-daemon agent withdraw a-1f2e
  $ fomular-daemon agent withdraw a-1f2e b7e1f0c2`

/** Maximum time until the agent confirms the withdrawal, in seconds. */
const WAIT_S = 40
/** Maximum width of the text in the message, in columns. */
const TEXT_COLUMNS = 60

export function withdrawCommand(): Command {
  return withHub(
    new Command('withdraw')
      .description('take back a prompt that the agent has not read yet')
      .argument('<id>', 'id of the agent, or a unique prefix')
      .argument('[prompt]', 'id of the prompt, or a unique prefix')
      .addHelpText('after', HELP)
      .action(withdraw),
  )
}

async function withdraw(given: string, named: string | undefined, { json, ...flags }: HubOptions) {
  const client = await connectHub(flags)
  const [{ agentId, printOutcome }, { pickPrompt }, { checkPolicyFor }, { promptText }] = await Promise.all([
    import('./outcome.ts'),
    import('./pick-prompt.ts'),
    import('../client/check-policy.ts'),
    import('../render/waiting-prompt.ts'),
  ])
  const agent = await client.agent(await agentId(client, given, flags.machine))
  const prompt = pickPrompt(agent, named)
  await checkPolicyFor(client, agent, { type: 'agent:withdraw' })
  const { agent_id } = agent
  const outcome = await client.agentCommand(agent_id, 'withdraw', { prompt_id: prompt.prompt_id }, WAIT_S)
  printOutcome(outcome, `Withdrew a prompt from ${agent_id}: ${promptText(prompt, TEXT_COLUMNS)}`, json)
}
