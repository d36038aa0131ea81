import { buildInfo, census, gauge } from '../../metrics/families.ts'
import type { Family } from '../../metrics/family-schema.ts'
import { VERSION } from '../../platform/version.ts'
import { AGENT_STATES } from '../../protocol/index.ts'
import type { Gate } from '../gate/gate.ts'
import type { AgentRegistry } from '../registry/agent-registry.ts'
import type { MachineRegistry } from '../registry/machine-registry.ts'
import type { Journals } from '../store/journals.ts'
import type { HubCounts } from './hub-counts.ts'

export interface HubMetricsParts {
  machines: Pick<MachineRegistry, 'all'>
  agents: Pick<AgentRegistry, 'records'>
  gate: Pick<Gate, 'streams'>
  journals: Pick<Journals, 'problem'>
  counts: HubCounts
}

/** Returns all metrics of a hub. Everything but the counters is read only now. */
export function hubFamilies({ machines, agents, gate, journals, counts }: HubMetricsParts): Family[] {
  const statuses = [...agents.records()].flatMap(({ status, gone }) => (status && !gone ? [status] : []))
  return [
    buildInfo(VERSION),
    census(
      'fomular_hub_machines',
      'Machines that the hub knows.',
      machines.all(),
      { state: ['connected', 'disconnected'] },
      ({ connected }) => ({ state: connected ? 'connected' : 'disconnected' }),
    ),
    census(
      'fomular_hub_agents',
      'Agents as their machines last reported them.',
      statuses,
      { state: AGENT_STATES },
      ({ state }) => ({ state }),
    ),
    gauge(
      'fomular_hub_permission_requests_open',
      'Requests that wait for a person.',
      statuses.reduce((sum, { pending, pending_omitted = 0 }) => sum + pending.length + pending_omitted, 0),
    ),
    gauge('fomular_hub_streams', 'Open streams of clients.', gate.streams),
    gauge(
      'fomular_hub_store_writable',
      '1 if activity can be written to the disk.',
      journals.problem ? 0 : 1,
    ),
    counts.commits.family(),
    counts.commands.family(),
    counts.pushes.family(),
  ]
}
