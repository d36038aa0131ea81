import { Command } from 'commander'
import type { AgentDetail } from '../client/control-client.ts'
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
  const known = await client.agent(await agentId(client, given, flags.machine))
  const { wholeRequest } = await import('../../client/whole-request.ts')
  const whole = await Promise.all(
    known.pending.slice(0, WHOLE).map((request) => wholeRequest(client, known.agent_id, request)),
  )
  const agent = { ...known, pending: [...whole, ...known.pending.slice(WHOLE)] }
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

/**
 * Returns details from this machine's daemon. The agent must run on this machine, and this user must have
 * access to the daemon.
 */
async function detailHere(agentId: string, machineId: string): Promise<AgentDetail | undefined> {
  const [{ findDaemons, findDaemon }, { ControlClient }, { stateDir, statePaths }, { isNamed }] =
    await Promise.all([
      import('../../service/find-daemons.ts'),
      import('../client/control-client.ts'),
      import('../../config/paths.ts'),
      import('../local/choose.ts'),
    ])
  const { env } = process
  const named = isNamed(undefined, env) ? [await findDaemon(env, stateDir(env))] : await findDaemons(env)
  for (const daemon of named) {
    if (!daemon?.running || !daemon.usable) continue
    const control = new ControlClient(statePaths(daemon.state_dir).socket)
    const status = await control.glance()
    if (status?.machine_id !== machineId) continue
    // A daemon of an older version does not know this request.
    return control.agent(agentId).catch(() => undefined)
  }
  return undefined
}
