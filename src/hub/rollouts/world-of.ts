import type { HubMachine } from '../../protocol/index.ts'
import type { RolloutRecord } from '../store/rollout-records.ts'
import type { World } from './observe.ts'
import { newerThan } from './rollout-list.ts'

interface Known extends Pick<World, 'now' | 'outcomeOf' | 'turnsOf'> {
  /** Start of the hub, in milliseconds since 1970. */
  startMs: number
  machines: HubMachine[]
}

/** Returns what a rollout sees. A group belongs to its newest rollout. */
export function worldOf(
  record: RolloutRecord,
  all: readonly RolloutRecord[],
  { now, startMs, machines, outcomeOf, turnsOf }: Known,
): World {
  const replaced = new Set(newerThan(record, all).flatMap(({ groups }) => groups))
  const isReplaced = (group: string | undefined) => group !== undefined && replaced.has(group)
  const waveOf = (group: string | undefined) => {
    const wave = group === undefined ? -1 : record.groups.indexOf(group)
    return wave < 0 || isReplaced(group) ? undefined : wave
  }
  const facts = machines.map(
    ({ machine_id, group, connected, since, daemon_version, status }) =>
      [
        machine_id,
        {
          wave: waveOf(group),
          replaced: isReplaced(group),
          connected,
          // After its start, the hub gives machines time to reconnect.
          sinceMs: Math.max(Date.parse(since), startMs),
          version: daemon_version,
          errors: status.problems.filter(({ severity }) => severity === 'error').length,
        },
      ] as const,
  )
  return { now, machines: new Map(facts), outcomeOf, turnsOf }
}
