import * as z from 'zod/mini'
import { HubAgent, HubMachine } from '../protocol/hub-objects.ts'
import { FleetAgent } from './fleet-agent.ts'
import { FLEET_REQUEST } from './fleet-request.ts'
import type { HubClient } from './hub-client.ts'
import { type ReconnectOptions, reconnecting } from './reconnecting.ts'
import { untilAborted } from './until-aborted.ts'

const AgentRemoved = z.pick(HubAgent, { agent_id: true, machine_id: true })
const MachineRemoved = z.pick(HubMachine, { machine_id: true })

export type FleetChange =
  /** Everything that is known is outdated; the current state follows. */
  | { type: 'reset' }
  | { type: 'machine'; machine: HubMachine }
  | { type: 'agent'; agent: FleetAgent }
  | { type: 'machine_removed'; machine_id: string }
  | { type: 'agent_removed'; machine_id: string; agent_id: string }
  /** Everything is known. Older hubs do not say so. */
  | { type: 'current' }

/**
 * Yields all machines and agents, and then their changes. Continues when the connection to the hub is
 * restored. Ends when `signal` aborts.
 */
export const followFleet = (
  client: HubClient,
  options: Pick<ReconnectOptions, 'signal' | 'connection'>,
): AsyncGenerator<FleetChange> => untilAborted(changes(client, options), options.signal)

async function* changes(
  client: HubClient,
  options: Pick<ReconnectOptions, 'signal' | 'connection'>,
): AsyncGenerator<FleetChange> {
  let place = FLEET_REQUEST.after
  const open = (arrived: () => void) =>
    client.fleetStream({ ...FLEET_REQUEST, after: place }, options.signal, arrived)
  for await (const { event, data, id } of reconnecting(open, options)) {
    if (id !== '') place = id
    if (event === 'reset') yield { type: 'reset' }
    else if (event === 'machine') yield { type: 'machine', machine: client.read(HubMachine, data) }
    else if (event === 'agent') yield { type: 'agent', agent: client.read(FleetAgent, data) }
    else if (event === 'machine_removed')
      yield { type: 'machine_removed', ...client.read(MachineRemoved, data) }
    else if (event === 'agent_removed') yield { type: 'agent_removed', ...client.read(AgentRemoved, data) }
    else if (event === 'current') yield { type: 'current' }
  }
}
