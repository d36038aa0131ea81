import { Command } from 'commander'
import { connectHub, type HubOptions, withHub } from '../options.ts'
import { print, printJson, stdoutColors, stdoutWidth } from '../terminal.ts'

const HELP = `
On the agent's own machine, the command also shows the agent's settings, restarts, and files. The output
contains only the names of environment variables, not their values.

Examples:
  $ fomular-daemon agent show a-1f2e
  $ fomular-daemon agent show a-1f2e --json | jq .spec`

export function showCommand(): Command {
  return withHub(
    new Command('show')
      .description('show everything about one agent')
      .argument('<id>', 'id of the agent, or a unique prefix')
      .addHelpText('after', HELP)
      .action(show),
  )
}

/** Maximum number of requests whose omitted input is fetched. An agent may have a thousand requests. */
const WHOLE = 10

async function show(given: string, { json, ...flags }: HubOptions) {
  const client = await connectHub(flags)
  const { agentId } = await import('./outcome.ts')
  const [{ wholeRequest }, { withUnlisted }] = await Promise.all([
    import('../../client/whole-request.ts'),
    import('../../client/unlisted-requests.ts'),
  ])
  const known = await withUnlisted(client, await client.agent(await agentId(client, given, flags.machine)))
  const whole = await Promise.all(
    known.pending.slice(0, WHOLE).map((request) => wholeRequest(client, known.agent_id, request)),
  )
  const agent = { ...known, pending: [...whole, ...known.pending.slice(WHOLE)] }
  const { detailHere } = await import('../local/agent-detail.ts')
  const [machine, detail] = await Promise.all([
    client.machine(agent.machine_id),
    detailHere(agent.agent_id, agent.machine_id),
  ])
  if (json) {
    const { spec, restarts, paths } = detail ?? {}
    return printJson({ ...agent, ...(detail && { spec, restarts, paths }) })
  }
  const { agentText } = await import('../render/agent.ts')
  print(agentText({ agent, machine, detail }, Date.now(), stdoutColors(), stdoutWidth()))
}
