import { Command } from 'commander'
import { connectHub, type HubOptions, withHub } from '../options.ts'
import { print, printJson, stdoutColors } from '../terminal.ts'

const HELP = `
With --json also each agent's offsets: how far its activity is delivered and how far it goes.

Examples:
  $ fomular-daemon agent list
  $ fomular-daemon agent list --json | jq -r '.agents[] | select(.state == "waiting") | .agent_id'`

export function listCommand(): Command {
  return withHub(
    new Command('list')
      .alias('ls')
      .description('all agents and how they are')
      .addHelpText('after', HELP)
      .action(list),
  )
}

async function list({ json, ...flags }: HubOptions) {
  const client = await connectHub(flags)
  const agents = await client.agents()
  if (json) return printJson({ agents })
  const { agentTable } = await import('../render/agents.ts')
  print(agentTable(agents, Date.now(), stdoutColors()))
}
