import { Command } from 'commander'
import { isAsking } from '../../protocol/needs.ts'
import { resolveMachine } from '../client/machine-id.ts'
import { connectHub, type HubOptions, withHub } from '../options.ts'
import { print, printJson, stdoutColors, stdoutWidth } from '../terminal.ts'

const HELP = `
--json also prints how many bytes of activity each agent has recorded and delivered.

Examples:
  $ fomular-daemon agent list
  $ fomular-daemon agent list --waiting
  $ fomular-daemon agent list --machine build-7
  $ fomular-daemon agent list --json | jq -r '.agents[] | select(.state == "waiting") | .agent_id'`

export function listCommand(): Command {
  return withHub(
    new Command('list')
      .alias('ls')
      .description('list all agents and their states')
      .option('--machine <machine>', 'list only the agents of this machine (name, host name, or id)')
      .option('--waiting', 'list only the agents that wait for an answer')
      .addHelpText('after', HELP)
      .action(list),
  )
}

async function list({ json, machine, waiting, ...flags }: HubOptions & { waiting?: boolean }) {
  const client = await connectHub(flags)
  const only = machine === undefined ? undefined : await resolveMachine(client, machine)
  const known = only ? await client.agentsOf(only.machine_id) : await client.agents()
  const agents = waiting ? known.filter((agent) => isAsking(agent) && !agent.gone) : known
  if (json) return printJson({ agents })
  const { agentTable } = await import('../render/agents.ts')
  if (waiting && agents.length === 0) return print('No agent waits for an answer.')
  print(agentTable(agents, Date.now(), stdoutColors(), stdoutWidth()))
}
