import type { AgentFields, HubClient } from '../../client/hub-client.ts'
import { UserError } from '../../platform/errors.ts'
import { EXIT } from '../../platform/exit-codes.ts'
import type { Outcome } from '../../protocol/index.ts'
import { resolveMachine } from '../client/machine-id.ts'
import { resolveId } from '../client/resolve-id.ts'
import { clean, cleanLine } from '../render/clean.ts'
import { note, print, printJson } from '../terminal.ts'

type Named = AgentFields<'machine_name' | 'claimed'>

/** Resolves an abbreviated agent id. @param machine name of the agent's machine, as the user gave it */
export async function agentId(
  client: HubClient,
  given: string,
  machine: string | undefined,
): Promise<string> {
  const [agents, only] = await Promise.all([
    client.agentFields('machine_name', 'claimed'),
    machine === undefined ? undefined : resolveMachine(client, machine),
  ])
  const known = agents.filter(({ machine_id }) => !only || machine_id === only.machine_id)
  refuseClaim(given, known)
  const id = resolveId(given, [...new Set(known.map(({ agent_id }) => agent_id))], { what: 'agent' })
  if (only) client.means(id, only.machine_id)
  return id
}

/**
 * Refuses an ambiguous id: one machine claims an agent with exactly this id, and the id of another machine's
 * agent begins with this id.
 * @throws UserError if `given` could mean either agent
 */
function refuseClaim(given: string, known: Named[]) {
  const exact = known.filter(({ agent_id }) => agent_id === given)
  const [claim] = exact
  if (!claim || exact.some(({ claimed }) => !claimed)) return
  const other = known.find(
    ({ agent_id, machine_id, claimed }) =>
      !claimed && machine_id !== claim.machine_id && agent_id.startsWith(given),
  )
  if (!other) return
  const ofMachine = ({ agent_id, machine_name, machine_id }: Named) =>
    `${agent_id} of ${cleanLine(machine_name ?? machine_id, 64)}`
  throw new UserError('agent_ambiguous', `"${given}" could be ${ofMachine(claim)} or ${ofMachine(other)}.`, {
    remedy: 'Give more characters of the id, or name the machine with --machine.',
    exitCode: EXIT.refused,
  })
}

/** Prints the outcome of a command: done, or pending. @param done message, which may quote the agent */
export function printOutcome(outcome: Outcome, done: string, json: boolean | undefined) {
  if (json) return printJson(outcome)
  if (outcome.state === 'pending') return notePending()
  print(clean(done).replace(/\n/g, '\n  '))
}

export const notePending = (delay = 'the machine is not connected, or is slow.') =>
  note(`Not done yet: ${delay} The hub keeps the command until it is done.`)

/**
 * Returns why an agent has not started; undefined if its machine gives no reason, or the hub
 * cannot be reached.
 */
export async function delayOf(client: Pick<HubClient, 'agent'>, id: string): Promise<string | undefined> {
  const [agent, { delayText }] = await Promise.all([
    client.agent(id).catch(() => undefined),
    import('../render/agents.ts'),
  ])
  return agent && delayText(agent)
}
