import { Command } from 'commander'
import { connectHub, type HubOptions, numeric, withHub } from '../options.ts'

/** Maximum time for a stop, in seconds, not counting the grace periods of its four steps. */
const STOP_WAIT_S = 120

const HELP = `
The command interrupts the agent, ends its session, sends SIGTERM, and finally sends SIGKILL. It waits --grace
seconds between the steps. To continue the conversation later, use \`agent resume\`.

Examples:
  $ fomular-daemon agent stop a-1f2e
  $ fomular-daemon agent stop a-1f2e --grace 0`

export function stopCommand(): Command {
  return withHub(
    new Command('stop')
      .description('stop an agent')
      .argument('<id>', 'id of the agent, or a unique prefix')
      .option(
        '--grace <seconds>',
        "seconds to wait after each step (default: the daemon's setting, or 5)",
        numeric,
      )
      .addHelpText('after', HELP)
      .action(stop),
  )
}

async function stop(given: string, { json, grace, ...flags }: HubOptions & { grace?: number }) {
  const client = await connectHub(flags)
  const { agentId, printOutcome } = await import('./outcome.ts')
  const id = await agentId(client, given, flags.machine)
  const body = grace === undefined ? {} : { grace_s: grace }
  const outcome = await client.agentCommand(id, 'stop', body, STOP_WAIT_S + 4 * (grace ?? 0))
  const { code, signal } = outcome.result ?? {}
  const how =
    signal !== undefined ? ` (${String(signal)})` : code !== undefined ? ` (code ${String(code)})` : ''
  printOutcome(outcome, `${id} has stopped${how}.`, json)
}
