import { Command } from 'commander'
import { connectHub, type HubOptions, withHub } from '../options.ts'

const HELP = `
The agent stays and waits for the next prompt.

Examples:
  $ fomular-daemon agent interrupt a-1f2e
  $ fomular-daemon agent interrupt a-1f2e --cancel-queued`

export function interruptCommand(): Command {
  return withHub(
    new Command('interrupt')
      .description('end the turn an agent is working on')
      .argument('<id>', "the agent's id, or its beginning")
      .option('--cancel-queued', 'drop prompts that wait behind it, too')
      .addHelpText('after', HELP)
      .action(interrupt),
  )
}

async function interrupt(
  given: string,
  { json, cancelQueued = false, ...flags }: HubOptions & { cancelQueued?: boolean },
) {
  const client = await connectHub(flags)
  const { agentId, printOutcome } = await import('./outcome.ts')
  const id = await agentId(client, given, flags.machine)
  const outcome = await client.agentCommand(id, 'interrupt', { cancel_queued: cancelQueued }, 30)
  const done =
    outcome.result?.idle === true ? `${id} is idle: there is nothing to interrupt.` : `${id} is interrupted.`
  printOutcome(outcome, done, json)
}
