import { shellWord } from '../platform/shell-word.ts'
import { visible } from '../platform/visible.ts'
import { assign, type Entry, isLocal, keyId, machinesOf } from './key-entry.ts'

/** Why a machine may not connect with a key that is accepted as such. */
export type Denial = 'key_of_another' | 'machine_of_another'

export type Verdict = Denial | 'known' | 'bound' | 'shared'

/**
 * Decides whether a machine may connect with a key, and makes the key this machine's where it is nobody's.
 * @param keys all keys of machines
 * @param strays the machines that are known but of which no key is known, from before keys were bound
 */
export function admit(
  entry: Entry,
  keys: readonly Entry[],
  machineId: string,
  strays: ReadonlySet<string>,
): Verdict {
  const machines = machinesOf(entry)
  if (machines.includes(machineId)) return 'known'
  const taken = keys.some((each) => machinesOf(each).includes(machineId))
  const free = machines.length === 0 && (entry.bound !== undefined || !isLocal(entry) || strays.size === 0)
  if (taken) {
    if (!free || entry.heir_of !== machineId) return 'machine_of_another'
  } else if (!free) {
    if (entry.bound !== undefined || !strays.has(machineId)) return 'key_of_another'
    assign(entry, [...machines, machineId])
    return machines.length === 0 ? 'bound' : 'shared'
  }
  assign(entry, [machineId], true)
  return 'bound'
}

/** What a machine that may not connect is told: why, and what to do about it. */
export function denialText(denial: Denial, entry: Entry, machineId: string): string {
  const bind = `\`fomular-daemon hub key bind ${keyId(entry)} ${shellWord(visible(machineId))}\``
  return denial === 'key_of_another'
    ? `This key belongs to another machine. Give this one a key of its own: run \`fomular-daemon machine add\` where the hub is, and here the line that it prints. If this is the same machine anew, run ${bind} there.`
    : `This machine is known by another key. If it has a new key, run ${bind} where the hub is. If it is a copy of another, make it a machine of its own: delete machine.json in its state folder, and enroll it again with --force.`
}

/** The machines among those known that no key names. */
export function straysAmong(known: readonly string[], keys: readonly Entry[]): Set<string> {
  const owned = new Set(keys.flatMap(machinesOf))
  return new Set(known.filter((machineId) => !owned.has(machineId)))
}

/**
 * Binds keys from before keys were bound, once it is known which machine uses which. One that several use stays as it is.
 * @returns whether any has changed
 */
export function settle(keys: readonly Entry[], strays: ReadonlySet<string>, now: string): boolean {
  if (strays.size > 0) return false
  const open = keys.filter((entry) => entry.bound === undefined && machinesOf(entry).length < 2)
  for (const entry of open) {
    entry.bound = true
    if (machinesOf(entry).length > 0) entry.used_at ??= now
  }
  return open.length > 0
}
