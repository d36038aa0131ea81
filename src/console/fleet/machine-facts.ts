import type { HubMachine } from '../../protocol/hub-objects.ts'

/** Returns the name of a machine for people. */
export const nameOf = (machine: HubMachine) => machine.name ?? machine.hostname

/** Returns the share of a resource that is in use, as a whole percentage. */
export function usedPercent({ total_bytes, available_bytes }: HubMachine['status']['memory']): number {
  if (!(total_bytes > 0)) return 0
  return Math.round(100 * Math.min(1, Math.max(0, 1 - available_bytes / total_bytes)))
}

/** Compares names much faster than `localeCompare`. */
const names = new Intl.Collator()

/** Orders machines: those with errors first, then those that are not connected, then by name. */
export function orderMachines(machines: Iterable<HubMachine>): HubMachine[] {
  const rank = ({ status, connected }: HubMachine) =>
    status.problems.some(({ severity }) => severity === 'error') ? 0 : connected ? 2 : 1
  return [...machines].sort(
    (one, other) => rank(one) - rank(other) || names.compare(nameOf(one), nameOf(other)),
  )
}
