import { idInAddress } from '../protocol/machine-address.ts'

// Addresses of requests that a page also sends before its other code has arrived.

export interface FleetStreamOptions {
  /** Id of the last event that the caller has, or `0`. */
  after: string
  fields: readonly string[]
  /** Number of agents that a new stream sends before everything else. Older hubs ignore it. */
  first: number
}

/** Returns the address of the hub's stream. */
export const fleetStreamAddress = ({ after, fields, first }: FleetStreamOptions) =>
  `/api/stream?${new URLSearchParams({ after, fields: fields.join(','), first: String(first) })}`

/** An agent, and its machine if another machine may have an agent with the same id. */
export interface AgentAddress {
  agent_id: string
  machine_id?: string | undefined
}

/** Returns an address below that of an agent. */
export function agentAddress(
  { agent_id, machine_id }: AgentAddress,
  rest = '',
  query: Record<string, string> | URLSearchParams = {},
): string {
  const parameters = new URLSearchParams(query)
  if (machine_id !== undefined) parameters.set('machine_id', idInAddress(machine_id))
  const search = String(parameters)
  return `/api/agents/${encodeURIComponent(agent_id)}${rest}${search && `?${search}`}`
}

/** Returns the address of the last `limit` events before an event: by default, of the newest events. */
export const eventsBeforeAddress = (agent: AgentAddress, before: string | undefined, limit: number) =>
  agentAddress(agent, '/events', { before: before ?? 'end', limit: String(limit) })
