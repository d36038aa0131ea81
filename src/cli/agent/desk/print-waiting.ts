import { followFleet } from '../../../client/follow-fleet.ts'
import type { HubClient } from '../../../client/hub-client.ts'
import { note, printJson } from '../../terminal.ts'
import { Arrival } from './arrival.ts'
import { keyOf, type Waiting, WaitingRequests } from './waiting.ts'

/** Time without a change after which an older hub has sent all agents, in ms. */
const QUIET_MS = 1000
/** Number of requests beyond which a request that a status leaves out counts as settled. */
const MOST = 10_000

/** Facts of a line that was printed. */
type Told = ReturnType<typeof toldOf>

/**
 * Prints a JSON line for each request that begins to wait for a person, for each whose machine connects or
 * disconnects, and for each that no longer waits. Requests that a status leaves out have one line with their
 * number, which is printed again when the number changes.
 */
export async function printWaiting(client: HubClient, machineId: string | undefined): Promise<void> {
  const over = new AbortController()
  const requests = new WaitingRequests(machineId)
  const told = new Map<string, Told>()
  const tell = () => {
    const all = new Map([...requests.all(), ...requests.away()].map((waiting) => [waiting.key, waiting]))
    for (const [key, waiting] of all) {
      if (isNews(told.get(key), waiting)) printJson(lineOf(waiting))
      told.set(key, toldOf(waiting))
    }
    for (const [key, { about }] of told) {
      // A request is not settled because the status now leaves it out.
      if (all.has(key) || (all.has(keyOf(about)) && told.size <= MOST)) continue
      printJson({ event: 'settled', ...about })
      told.delete(key)
    }
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

const isNews = (before: Told | undefined, { agent, request }: Waiting) =>
  before?.connected !== agent.connected || (!request && before.pending_omitted !== agent.pending_omitted)

const toldOf = ({ agent, request }: Waiting) => {
  const { agent_id, machine_id, connected, pending_omitted } = agent
  const about = { agent_id, machine_id, request_id: request?.request_id, digest: request?.digest }
  return { about, connected, pending_omitted }
}

const lineOf = ({ agent, request }: Waiting) => {
  const { agent_id, machine_id, machine_name, title, cwd, since, connected, pending_omitted } = agent
  const about = { event: 'waiting', agent_id, machine_id, machine_name, title, cwd, since, connected }
  return request ? { ...about, request } : { ...about, pending_omitted }
}
