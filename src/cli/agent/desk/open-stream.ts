import type { HubClient } from '../../../client/hub-client.ts'
import { endText } from '../../render/agents.ts'
import { cleanLine } from '../../render/clean.ts'
import { print, stdoutColors } from '../../terminal.ts'
import { showUntilEnd } from '../show-until-end.ts'

/** Size of the latest activity to show, in bytes of the agent's journal. */
const RECENT_BYTES = 32 * 1024

/** Follows an agent until it ends, or until Ctrl-C. */
export async function openStream(
  client: HubClient,
  { agent_id, machine_id }: { agent_id: string; machine_id: string },
): Promise<void> {
  const { dim } = stdoutColors()
  client.means(agent_id, machine_id)
  const { offset, machine_name } = await client.agent(agent_id)
  print(dim(`— ${agent_id} on ${cleanLine(machine_name ?? machine_id, 40)}. Ctrl-C leads back to the desk.`))
  const after = offset > RECENT_BYTES ? `${offset - RECENT_BYTES}.0` : undefined
  const { ending, interrupted } = await showUntilEnd(client, agent_id, {
    after,
    endingOf: (agent) => {
      if (agent.gone) return 'The agent is no longer on its machine.'
      return agent.state === 'exited' || agent.state === 'failed' ? endText(agent) : undefined
    },
  })
  print(dim(`${interrupted ? '\n' : ''}— ${interrupted ? '' : `${ending} `}Back at the desk.`))
}
