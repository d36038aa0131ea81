import { shellWord } from '../../platform/shell-word.ts'
import { visible } from '../../platform/visible-text.ts'
import { assign, isLocal, type KeyEntry, keyId, machinesOf } from '../store/key-entry.ts'

/** Reason why a machine may not connect with a valid key. */
export type Denial = 'key_of_another' | 'machine_of_another'

export type Verdict = Denial | 'known' | 'bound' | 'shared'

/**
 * Decides whether a machine may connect with a key. Binds the key to the machine if the key is unbound.
 * @param keys all machine keys
 * @param known every machine that has connected and was not removed
 */
export function admit(
  entry: KeyEntry,
  keys: readonly KeyEntry[],
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
  // A known machine without a key may use only an unbound key or the hub's own key, which may have been
  // replaced.
  const withheld = taken || (strays.has(machineId) && entry.bound !== undefined && !isLocal(entry))
  if (withheld && entry.heir_of !== machineId) return 'machine_of_another'
  assign(entry, [machineId], true)
  return 'bound'
}

/** Returns the reason for a refusal and its remedy, as sent to the machine. */
export function denialText(denial: Denial, entry: KeyEntry, machineId: string): string {
  const bind = `\`fomular-daemon hub key bind ${keyId(entry)} ${shellWord(visible(machineId))}\``
  return denial === 'key_of_another'
    ? `This key belongs to another machine. Enroll this machine with its own key: run \`fomular-daemon machine add\` on the hub's machine, then run the printed command here. If this is the same machine with a new id, run ${bind} on the hub's machine instead.`
    : `The hub knows this machine by another key, which may have been revoked. If this machine has a new key, run ${bind} on the hub's machine. If it is a copy of another machine, give it a new identity: delete machine.json in its state folder, then enroll it again with --force.`
}

export const UNNAMEABLE =
  'The id of this machine is not allowed: it is `.` or `..`, or contains control characters or lone surrogates. Delete machine.json in its state folder and restart the daemon, which then generates a new id.'

/**
 * Returns the known machines without a key: they last connected to an older hub, which did not bind keys, or
 * their keys were revoked.
 */
export function straysAmong(known: readonly string[], keys: readonly KeyEntry[]): Set<string> {
  const owned = new Set(keys.flatMap(machinesOf))
  return new Set(known.filter((machineId) => !owned.has(machineId)))
}

/** Binds keys that an older version of the hub left unbound. */
export function settle(entries: readonly KeyEntry[], now: string) {
  for (const entry of entries) {
    entry.bound = true
    if (machinesOf(entry).length > 0) entry.used_at ??= now
  }
}

/**
 * Returns the keys that can be passed to `settle`: unbound keys with at most one machine. Returns no keys
 * until every known machine has a key.
 */
export function unsettled(keys: readonly KeyEntry[], known: readonly string[]): KeyEntry[] {
  const open = keys.filter((entry) => entry.bound === undefined && machinesOf(entry).length < 2)
  return open.length === 0 || straysAmong(known, keys).size > 0 ? [] : open
}
