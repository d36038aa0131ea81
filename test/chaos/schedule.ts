import type { Random } from './random.ts'

/** Relative frequency of each kind of fault. */
const WEIGHTS = {
  kill_daemon: 12,
  kill_hub: 3,
  kill_launcher: 3,
  kill_feeder: 3,
  kill_agent: 6,
  freeze_daemon: 5,
  freeze_hub: 1,
  cut_link: 12,
  stall_link: 6,
  freeze_link: 6,
  refuse_link: 4,
  throttle_link: 5,
  duplicate_commands: 8,
  reorder_commands: 6,
  fill_disk: 3,
  fill_hub_disk: 1,
  step_clock: 5,
  replace_version: 3,
  restart_daemon: 3,
  restart_hub: 1,
  stop_daemon: 1,
  slow_start: 3,
  change_release: 2,
  back_up: 2,
  set_back: 1,
  limit_descriptors: 3,
  limit_processes: 3,
  use_up_watches: 2,
} as const
/** The same for a hub that has its data in a database. */
const DATABASE_WEIGHTS = {
  kill_database: 3,
  kill_database_connection: 3,
  freeze_database: 2,
  cut_database: 3,
  refuse_database: 2,
  stall_database: 3,
  throttle_database: 2,
} as const
const ALL_WEIGHTS = { ...WEIGHTS, ...DATABASE_WEIGHTS }
export type FaultKind = keyof typeof ALL_WEIGHTS

/** Returns the kinds of faults for a hub with or without a database. */
export const faultKinds = ({ database }: { database: boolean }) =>
  Object.keys(database ? ALL_WEIGHTS : WEIGHTS) as FaultKind[]

export interface Fault {
  kind: FaultKind
  /** Time since the previous fault. */
  after_ms: number
  /** Duration, for faults that last. */
  for_ms: number
  /** Numbers in [0, 1) that select the target and the strength. */
  target: number
  degree: number
}

/** Average time between two faults of a machine, in milliseconds; most faults hit one machine. */
const PACE_MS = 600
const SHORT_MS = 200
const LONG_MS = 2800

/** Returns faults of these kinds, with their times. The seed determines the faults and the times. */
export function schedule(
  random: Random,
  count: number,
  machines: number,
  kinds: readonly FaultKind[],
): Fault[] {
  const weights = Object.fromEntries(kinds.map((kind) => [kind, ALL_WEIGHTS[kind]])) as Record<
    FaultKind,
    number
  >
  const mean = PACE_MS / machines
  return Array.from({ length: count }, () => ({
    kind: random.weighted(weights),
    after_ms: random.int(Math.round(mean * 0.2), Math.round(mean * 1.8)),
    for_ms: random.int(SHORT_MS, LONG_MS),
    target: random.next(),
    degree: random.next(),
  }))
}
