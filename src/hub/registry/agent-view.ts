import type { AgentStatus, HubAgent } from '../../protocol/index.ts'
import type { Journals } from '../store/journals.ts'
import type { AgentRecord } from '../store/records.ts'
import type { MachineRegistry } from './machine-registry.ts'

/** Registries from which the view of an agent is built. */
export interface ViewContext {
  journals: Pick<Journals, 'stateOf'>
  machines: Pick<MachineRegistry, 'link' | 'nameOf'>
}

/**
 * Returns an agent as clients see it; undefined before its machine has reported a status.
 * @param status the status to show
 */
export function viewOf(
  { key, machine_id, gone, ordered }: AgentRecord,
  status: AgentStatus | undefined,
  { journals, machines }: ViewContext,
): HubAgent | undefined {
  if (!status) return undefined
  const machine_name = machines.nameOf(machine_id)
  const { have, shift } = journals.stateOf(key)
  return {
    ...status,
    begin: shifted(status.begin, shift),
    acked: shifted(status.acked, shift),
    end: shifted(status.end, shift),
    machine_id,
    ...(machine_name !== undefined && { machine_name }),
    connected: machines.link(machine_id) !== undefined,
    offset: have,
    ...(gone && { gone }),
    ...(ordered === false && { claimed: true }),
  }
}

/**
 * Converts an offset in the machine's journal to an offset in the hub's history. The result is limited to
 * safe integers, because a machine can send any value.
 */
const shifted = (offset: number, shift: number) => Math.min(offset + shift, Number.MAX_SAFE_INTEGER)
