import { followFleet } from '../../../client/follow-fleet.ts'
import type { HubClient } from '../../../client/hub-client.ts'
import { note, printJson } from '../../terminal.ts'
import { Arrival } from './arrival.ts'
import { type Waiting, WaitingRequests } from './waiting.ts'

/** Time without a change after which an older hub has sent all agents, in ms. */
const QUIET_MS = 1000

/**
 * Prints a JSON line for each request that begins to wait for a person, for each whose machine connects or
 * disconnects, and for each that no longer waits.
 */
export async function printWaiting(client: HubClient, machineId: string | undefined): Promise<void> {
  const over = new AbortController()
  const requests = new WaitingRequests(machineId)
  const told = new Map<string, Waiting>()
  const tell = () => {
    const all = new Map([...requests.all(), ...requests.away()].map((waiting) => [waiting.key, waiting]))
    for (const [key, waiting] of all)
      if (told.get(key)?.agent.connected !== waiting.agent.connected) printJson(lineOf('waiting', waiting))
    for (const [key, waiting] of told) if (!all.has(key)) printJson(lineOf('settled', waiting))
    told.clear()
    for (const [key, waiting] of all) told.set(key, waiting)
  }
  process.once('SIGINT', () => over.abort())
  const onComplete = () => {
    requests.complete()
    tell()
  }
  const arrival = new Arrival({ quietMs: QUIET_MS, onComplete })
  const connection = (problem: Error | undefined) =>
    note(problem ? `Lost the connection to the hub (${problem.message}) Reconnecting…` : 'Connected again.')
  for await (const change of followFleet(client, { signal: over.signal, connection })) {
    requests.apply(change)
    tell()
    arrival.take(change)
  }
  arrival.close()
}

const lineOf = (event: 'waiting' | 'settled', { agent, request }: Waiting) => {
  const { agent_id, machine_id, machine_name, title, cwd, since, connected, pending_omitted } = agent
  if (event === 'settled')
    return { event, agent_id, machine_id, request_id: request?.request_id, digest: request?.digest }
  const about = { event, agent_id, machine_id, machine_name, title, cwd, since, connected }
  return request ? { ...about, request } : { ...about, pending_omitted }
}
