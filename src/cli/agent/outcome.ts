import type { Outcome } from '../../protocol/index.ts'
import { resolveId } from '../client/agent-id.ts'
import type { HubClient } from '../client/hub-client.ts'
import { clean } from '../render/clean.ts'
import { note, print, printJson } from '../terminal.ts'

/** The agent's full id for what the user gave. */
export async function agentId(client: HubClient, given: string): Promise<string> {
  const agents = await client.agents()
  return resolveId(
    given,
    agents.map(({ agent_id }) => agent_id),
    'agent',
  )
}

/** Says what became of a command: done, or waiting for its machine. @param done may quote what an agent says */
export function printOutcome(outcome: Outcome, done: string, json: boolean | undefined) {
  if (json) return printJson(outcome)
  if (outcome.state === 'pending') return notePending()
  print(clean(done))
}

export const notePending = (delay = 'the machine is not connected, or takes its time.') =>
  note(`Not done yet: ${delay} The command stays with the hub until it is done.`)

/** Returns what keeps an agent from having started; undefined if its machine has not said so, or the hub is away. */
export async function delayOf(client: Pick<HubClient, 'agent'>, id: string): Promise<string | undefined> {
  const [agent, { delayText }] = await Promise.all([
    client.agent(id).catch(() => undefined),
    import('../render/agents.ts'),
  ])
  return agent && delayText(agent)
}
