import { Command } from 'commander'
import { connectHub, type HubOptions, withHub } from '../options.ts'

const HELP = `
The agent keeps running and waits for the next prompt.

Examples:
  $ fomular-daemon agent interrupt a-1f2e
  $ fomular-daemon agent interrupt a-1f2e --cancel-queued`

export function interruptCommand(): Command {
  return withHub(
    new Command('interrupt')
      .description("end an agent's current turn")
      .argument('<id>', 'id of the agent, or a unique prefix')
      .option('--cancel-queued', 'also cancel queued prompts')
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
    outcome.result?.idle === true ? `${id} is idle: there is nothing to interrupt.` : `Interrupted ${id}.`
  printOutcome(outcome, done, json)
}
