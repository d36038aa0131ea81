import { join } from 'node:path'
import * as z from 'zod/mini'
import { readJson, writeAtomic } from '../platform/files.ts'
import { visible } from '../platform/visible-text.ts'
import type { HealthProblem } from '../protocol/index.ts'

/**
 * Number of days for which the daemon warns that a state folder came from another machine. The warning ends
 * because the folder may have been moved on purpose.
 */
const TOLD_DAYS = 7
const DAY_MS = 24 * 3_600_000

/** Identifies the place of a state folder. A folder and its copy have different places. */
const Place = z.object({
  dir: z.string(),
  hostname: z.string(),
  /** Identity of the folder. */
  folder: z.string(),
  /** Id of the installed operating system; absent if the system has no id. */
  system: z.optional(z.string()),
})
export type Place = z.infer<typeof Place>

/** `place.json` in the state folder. */
const PlaceRecord = z.object({
  version: z.literal(1),
  /** Id of the machine that uses this place. If the machine gets a new id, previous places are ignored. */
  machine_id: z.string(),
  here: Place,
  /** Previous place of the folder. */
  from: z.optional(z.object({ place: Place, since: z.string() })),
})
type PlaceRecord = z.infer<typeof PlaceRecord>

export interface Origin {
  dir: string
  machineId: string
  here: Place
  now: string
  /** Reports whether a state folder still exists at this place and belongs to the same machine. */
  isThere(place: Place): boolean
}

/**
 * Finds out whether the state folder is a copy of a folder that may still be in use, and records the state
 * folder's current place. A folder that was restored in its place, moved, or mounted into a new container is
 * not a copy.
 * @returns the problem to report, if the folder may be a copy
 */
export function examineOrigin(origin: Origin): Omit<HealthProblem, 'since' | 'code'> | undefined {
  const { dir, machineId, here, now } = origin
  const path = join(dir, 'place.json')
  const read = readJson(path, PlaceRecord)
  const known = read.ok && read.value.machine_id === machineId ? read.value : undefined
  const came = known && here.folder !== known.here.folder && isElsewhere(origin, known.here)
  const from = came ? { place: known.here, since: now } : known?.from
  const record: PlaceRecord = { version: 1, machine_id: machineId, here, ...(from && { from }) }
  try {
    if (JSON.stringify(record) !== JSON.stringify(known)) writeAtomic(path, JSON.stringify(record))
  } catch {
    // The disk is full. The next start checks again.
  }
  return from && problemOf(origin, from)
}

const isElsewhere = ({ here, isThere }: Origin, before: Place) =>
  isThere(before) ||
  (before.system !== undefined && here.system !== undefined && before.system !== here.system)

function problemOf({ dir, here, now, isThere }: Origin, { place, since }: NonNullable<PlaceRecord['from']>) {
  const remedy = `If both are in use, make one of them a separate machine: stop its daemon, delete machine.json, agents and ledger.jsonl in its state folder, and enroll it again with --force.`
  if (place.system === here.system)
    return isThere(place)
      ? {
          severity: 'warning' as const,
          message: `The state folder ${dir} is a copy of ${visible(place.dir)}. The server treats both as one machine, and only one of them can be connected.`,
          remedy,
        }
      : undefined
  const until = Date.parse(since) + TOLD_DAYS * DAY_MS
  if (!(Date.parse(now) < until)) return undefined
  return {
    severity: 'warning' as const,
    message: `The state folder ${dir} came from another system (${visible(place.hostname)}). If it is still in use there, the server treats both as one machine, and only one of them can be connected.`,
    remedy,
    until: new Date(until).toISOString(),
  }
}
