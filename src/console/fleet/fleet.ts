import { type ReadonlySignal, signal } from '@preact/signals'
import { type FleetAgent, type FleetChange, followFleet } from '../../client/follow-fleet.ts'
import type { HubClient } from '../../client/hub-client.ts'
import { pause } from '../../client/until-aborted.ts'
import type { HubMachine } from '../../protocol/hub-objects.ts'

/** State of the connection to the hub's stream. What the page shows is current only if it is `live`. */
type Live = { state: 'connecting' | 'live' } | { state: 'lost'; problem: Error; since: number }

/** Identifies an agent: two machines may have agents with the same id. */
export const agentKey = (agent: { machine_id: string; agent_id: string }) =>
  JSON.stringify([agent.machine_id, agent.agent_id])

/** All machines and agents of the hub, kept current by the hub's stream. */
export interface Fleet {
  live: ReadonlySignal<Live>
  /**
   * Increases when machines or agents have changed, at most once per frame of the screen. A component that
   * reads the maps also reads this signal, so that it is drawn again.
   */
  version: ReadonlySignal<number>
  machines: ReadonlyMap<string, HubMachine>
  /** Agents by `agentKey`. */
  agents: ReadonlyMap<string, FleetAgent>
}

/** Interval between attempts after the hub refused the stream, in milliseconds. */
const RETRY_MS = 5000

/** The fleet of the signed-in person; undefined while nobody is signed in. */
export const fleet = signal<Fleet>()

export interface FollowFleetOptions {
  signal: AbortSignal
  /** Calls a function at the next frame of the screen. */
  frame(callback: () => void): void
}

/** Follows all machines and agents of a hub. Ends when `signal` aborts. */
export function liveFleet(hub: HubClient, options: FollowFleetOptions): Fleet {
  const live = signal<Live>({ state: 'connecting' })
  const version = signal(0)
  const machines = new Map<string, HubMachine>()
  const agents = new Map<string, FleetAgent>()
  let isDue = false
  const changed = () => {
    if (isDue) return
    isDue = true
    options.frame(() => {
      isDue = false
      if (!options.signal.aborted) version.value++
    })
  }
  const connection = (problem: Error | undefined) => {
    live.value = problem ? { state: 'lost', problem, since: Date.now() } : { state: 'live' }
  }
  const run = async () => {
    for await (const change of followFleet(hub, { signal: options.signal, connection })) {
      if (live.value.state !== 'live') live.value = { state: 'live' }
      apply(change, machines, agents)
      changed()
    }
  }
  const keepRunning = async () => {
    // Connect again after failures that `followFleet` does not expect, such as a hub with too many streams.
    while (!options.signal.aborted) {
      await run().catch(connection)
      await pause(RETRY_MS, options.signal)
    }
  }
  void keepRunning()
  return { live, version, machines, agents }
}

function apply(change: FleetChange, machines: Map<string, HubMachine>, agents: Map<string, FleetAgent>) {
  switch (change.type) {
    case 'reset':
      machines.clear()
      agents.clear()
      return
    case 'machine':
      machines.set(change.machine.machine_id, change.machine)
      return
    case 'machine_removed':
      machines.delete(change.machine_id)
      return
    case 'agent':
      agents.set(agentKey(change.agent), change.agent)
      return
    case 'agent_removed':
      agents.delete(agentKey(change))
  }
}
