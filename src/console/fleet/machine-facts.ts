import type { HubMachine } from '../../protocol/hub-objects.ts'
import type { MachineLoad } from '../../protocol/machine-load.ts'

/** Returns the name of a machine for people. */
export const nameOf = (machine: HubMachine) => machine.name ?? machine.hostname

/** Returns the share of a resource that is in use, as a whole percentage. */
export function usedPercent({ total_bytes, available_bytes }: HubMachine['status']['memory']): number {
  if (!(total_bytes > 0)) return 0
  return Math.round(100 * Math.min(1, Math.max(0, 1 - available_bytes / total_bytes)))
}

/** Returns how busy the processors of a machine are, in words. */
export function loadText({ one_minute, five_minutes, fifteen_minutes, processors }: MachineLoad): string {
  const averages = [one_minute, five_minutes, fifteen_minutes].map((each) => each.toFixed(2)).join(', ')
  return `${averages} over 1, 5, and 15 minutes, on ${processors} ${processors === 1 ? 'processor' : 'processors'}`
}

/** Matches names that need no rules of a language. */
const ASCII = /^[\x20-\x7e]*$/

/** Compares names in any language. Created late, because that takes longer than drawing the first page. */
let collator: Intl.Collator | undefined

/** Returns a function that compares names of a list in lower case. */
function comparison(names: readonly string[]): (one: string, other: string) => number {
  if (names.every((name) => ASCII.test(name))) return (one, other) => (one < other ? -1 : one > other ? 1 : 0)
  collator ??= new Intl.Collator()
  return collator.compare
}

/** Orders machines: those with errors first, then those that are not connected, then by name. */
export function orderMachines(machines: Iterable<HubMachine>): HubMachine[] {
  const rank = ({ status, connected }: HubMachine) =>
    status.problems.some(({ severity }) => severity === 'error') ? 0 : connected ? 2 : 1
  const all = Array.from(machines, (machine) => ({
    machine,
    rank: rank(machine),
    name: nameOf(machine).toLowerCase(),
  }))
  const compare = comparison(all.map(({ name }) => name))
  all.sort((one, other) => one.rank - other.rank || compare(one.name, other.name))
  return all.map(({ machine }) => machine)
}
