import type { HubMachine } from '../../protocol/hub-objects.ts'

/** Returns the name of a machine for people. */
export const nameOf = (machine: HubMachine) => machine.name ?? machine.hostname

/** Returns the share of a resource that is in use, as a whole percentage. */
export function usedPercent({ total_bytes, available_bytes }: HubMachine['status']['memory']): number {
  if (!(total_bytes > 0)) return 0
  return Math.round(100 * Math.min(1, Math.max(0, 1 - available_bytes / total_bytes)))
}

/** Returns the number of agents of each machine. The hub's stream does not count them. */
export function countByMachine(agents: Iterable<{ machine_id: string }>): Map<string, number> {
  const counts = new Map<string, number>()
  for (const { machine_id } of agents) counts.set(machine_id, (counts.get(machine_id) ?? 0) + 1)
  return counts
}

/** Orders machines: those with errors first, then those that are not connected, then by name. */
export function orderMachines(machines: Iterable<HubMachine>): HubMachine[] {
  const rank = ({ status, connected }: HubMachine) =>
    status.problems.some(({ severity }) => severity === 'error') ? 0 : connected ? 2 : 1
  return [...machines].sort(
    (one, other) => rank(one) - rank(other) || nameOf(one).localeCompare(nameOf(other)),
  )
}
