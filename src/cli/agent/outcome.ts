import { UserError } from '../../platform/errors.ts'
import type { HubAgent, Outcome } from '../../protocol/index.ts'
import { resolveId } from '../client/agent-id.ts'
import type { HubClient } from '../client/hub-client.ts'
import { resolveMachine } from '../client/machine-id.ts'
import { EXIT } from '../exit-codes.ts'
import { clean, cleanLine } from '../render/clean.ts'
import { note, print, printJson } from '../terminal.ts'

/** The agent's full id for what the user gave. @param machine whose it is, as the user calls it */
export async function agentId(
  client: HubClient,
  given: string,
  machine: string | undefined,
): Promise<string> {
  const [agents, only] = await Promise.all([
    client.agents(),
    machine === undefined ? undefined : resolveMachine(client, machine),
  ])
  const known = agents.filter(({ machine_id }) => !only || machine_id === only.machine_id)
  refuseClaim(given, known)
  const id = resolveId(given, [...new Set(known.map(({ agent_id }) => agent_id))], 'agent')
  if (only) client.means(id, only.machine_id)
  return id
}

/**
 * A machine may claim an agent whose id is what people type for that of another machine's.
 * @throws UserError where either could be meant
 */
function refuseClaim(given: string, known: HubAgent[]) {
  const exact = known.filter(({ agent_id }) => agent_id === given)
  const [claim] = exact
  if (!claim || exact.some(({ claimed }) => !claimed)) return
  const other = known.find(
    ({ agent_id, machine_id, claimed }) =>
      !claimed && machine_id !== claim.machine_id && agent_id.startsWith(given),
  )
  if (!other) return
  const ofMachine = ({ agent_id, machine_name, machine_id }: HubAgent) =>
    `${agent_id} of ${cleanLine(machine_name ?? machine_id, 64)}`
  throw new UserError('agent_ambiguous', `"${given}" could be ${ofMachine(claim)} or ${ofMachine(other)}.`, {
    remedy: 'Give more of its id, or name its machine with --machine.',
    exitCode: EXIT.refused,
  })
}

/** Says what became of a command: done, or waiting for its machine. @param done may quote what an agent says */
export function printOutcome(outcome: Outcome, done: string, json: boolean | undefined) {
  if (json) return printJson(outcome)
  if (outcome.state === 'pending') return notePending()
  print(clean(done).replace(/\n/g, '\n  '))
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
