import { shellWord } from '../platform/shell-word.ts'
import { visible } from '../platform/visible.ts'
import { assign, type Entry, isLocal, keyId, machinesOf } from './key-entry.ts'

/** Why a machine may not connect with a key that is accepted as such. */
export type Denial = 'key_of_another' | 'machine_of_another'

export type Verdict = Denial | 'known' | 'bound' | 'shared'

/**
 * Decides whether a machine may connect with a key, and makes the key this machine's where it is nobody's.
 * @param keys all keys of machines
 * @param known every machine that has connected and was not removed
 */
export function admit(
  entry: Entry,
  keys: readonly Entry[],
  machineId: string,
  known: readonly string[],
): Verdict {
  const machines = machinesOf(entry)
  if (machines.includes(machineId)) return 'known'
  const strays = straysAmong(known, keys)
  const taken = keys.some((each) => machinesOf(each).includes(machineId))
  const free = machines.length === 0 && (entry.bound !== undefined || !isLocal(entry) || strays.size === 0)
  if (!free) {
    if (taken) return 'machine_of_another'
    if (entry.bound !== undefined || !strays.has(machineId)) return 'key_of_another'
    assign(entry, [...machines, machineId])
    return machines.length === 0 ? 'bound' : 'shared'
  }
  // Only a key from before may be that of a machine whose key is not known, or the hub's own, which was made anew.
  const withheld = taken || (strays.has(machineId) && entry.bound !== undefined && !isLocal(entry))
  if (withheld && entry.heir_of !== machineId) return 'machine_of_another'
  assign(entry, [machineId], true)
  return 'bound'
}

/** What a machine that may not connect is told: why, and what to do about it. */
export function denialText(denial: Denial, entry: Entry, machineId: string): string {
  const bind = `\`fomular-daemon hub key bind ${keyId(entry)} ${shellWord(visible(machineId))}\``
  return denial === 'key_of_another'
    ? `This key belongs to another machine. Give this one a key of its own: run \`fomular-daemon machine add\` where the hub is, and here the line that it prints. If this is the same machine anew, run ${bind} there.`
    : `This machine is known by another key, or by one that was revoked. If it has a new key, run ${bind} where the hub is. If it is a copy of another, make it a machine of its own: delete machine.json in its state folder, and enroll it again with --force.`
}

export const UNNAMEABLE =
  'No key is for a machine with an id like this one: it is `.` or `..`, or has control characters or half a letter in it. Delete machine.json in its state folder: it makes itself another id when it is started again.'

/** The machines among those known that no key names: keys were not bound when they came, or theirs were revoked. */
export function straysAmong(known: readonly string[], keys: readonly Entry[]): Set<string> {
  const owned = new Set(keys.flatMap(machinesOf))
  return new Set(known.filter((machineId) => !owned.has(machineId)))
}

/** Binds keys from before keys were bound. */
export function settle(entries: readonly Entry[], now: string) {
  for (const entry of entries) {
    entry.bound = true
    if (machinesOf(entry).length > 0) entry.used_at ??= now
  }
}

/** Keys to `settle`: those that only one machine uses, once it is known which machine uses which. */
export function unsettled(keys: readonly Entry[], known: readonly string[]): Entry[] {
  const open = keys.filter((entry) => entry.bound === undefined && machinesOf(entry).length < 2)
  return open.length === 0 || straysAmong(known, keys).size > 0 ? [] : open
}
