import { type ReadonlySignal, signal } from '@preact/signals'
import type { FleetAgent } from '../../client/fleet-agent.ts'
import { type FleetChange, followFleet } from '../../client/follow-fleet.ts'
import type { HubClient } from '../../client/hub-client.ts'
import { pause } from '../../client/until-aborted.ts'
import type { HubMachine } from '../../protocol/hub-objects.ts'
import { slices } from '../parts/slices.ts'
import { AgentGroups } from './agent-groups.ts'

/**
 * State of the connection to the hub's stream. What the page shows is current only if it is `live`. While it is
 * `loading`, more machines and agents arrive.
 */
type Live = { state: 'loading' | 'live' } | { state: 'lost'; problem: Error; since: number }

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
  /** The agents by group. */
  groups: AgentGroups
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
  const live = signal<Live>({ state: 'loading' })
  const version = signal(0)
  const machines = new Map<string, HubMachine>()
  const agents = new Map<string, FleetAgent>()
  const groups = new AgentGroups(agents)
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
    if (problem) live.value = { state: 'lost', problem, since: Date.now() }
    // The changes since the loss arrive now.
    else if (live.value.state === 'lost') live.value = { state: 'live' }
  }
  const run = async () => {
    const slice = slices()
    for await (const change of followFleet(hub, { signal: options.signal, connection })) {
      if (change.type === 'reset') live.value = { state: 'loading' }
      else if (change.type === 'current') live.value = { state: 'live' }
      apply(change, machines, agents, groups)
      changed()
      await slice()
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
  return { live, version, machines, agents, groups }
}

function apply(
  change: FleetChange,
  machines: Map<string, HubMachine>,
  agents: Map<string, FleetAgent>,
  groups: AgentGroups,
) {
  switch (change.type) {
    case 'reset':
      machines.clear()
      agents.clear()
      groups.reset()
      return
    case 'machine':
      machines.set(change.machine.machine_id, change.machine)
      return
    case 'machine_removed':
      machines.delete(change.machine_id)
      return
    case 'agent': {
      const key = agentKey(change.agent)
      groups.replace(agents.get(key), change.agent)
      agents.set(key, change.agent)
      return
    }
    case 'agent_removed':
      groups.replace(agents.get(agentKey(change)), undefined)
      agents.delete(agentKey(change))
  }
}
