import * as z from 'zod/mini'
import { Name, ReportedName } from './bounds.ts'
import { CommandError } from './errors.ts'
import { ExactVersion, GroupName, Labels } from './ids.ts'

// Schemas of the hub's API for labels, groups, and staged updates.

/** Maximum number of groups in a rollout. */
const GROUPS = 32
const DAY_S = 86_400

/** Puts a machine in a group, and replaces its labels. An absent field leaves the fact unchanged. */
export const PlaceRequest = z.object({
  /** Name of the group; empty for no group. */
  group: z.optional(z.union([GroupName, z.literal('')])),
  labels: z.optional(Labels),
})
export type PlaceRequest = z.infer<typeof PlaceRequest>

/** Starts a staged update. */
export const RolloutRequest = z.object({
  /** Exact version to install. */
  version: ExactVersion,
  /** Groups in the order of the waves: each group is updated after the groups before it. */
  groups: z.array(GroupName).check(z.minLength(1), z.maxLength(GROUPS)),
  /** Maximum number of machines of these groups that may be unavailable at the same time. */
  max_unavailable: z._default(z.int().check(z.minimum(1), z.maximum(10_000)), 1),
  /** Time for which the hub watches a group after its update before the next group begins, in seconds. */
  soak_s: z._default(z.int().check(z.minimum(0), z.maximum(30 * DAY_S)), 1800),
  /** Number of failed machines at which the rollout halts. */
  halt_on: z._default(z.int().check(z.minimum(1), z.maximum(10_000)), 1),
  /** Time after which an updated machine that is not connected counts as failed, in seconds. */
  offline_s: z._default(z.int().check(z.minimum(1), z.maximum(DAY_S)), 300),
  allow_downgrade: z._default(z.boolean(), false),
})
export type RolloutRequest = z.input<typeof RolloutRequest>

/** Turns that have ended, and those that have failed. */
export const Turns = z.object({ ended: z.int(), failed: z.int() })
export type Turns = z.infer<typeof Turns>

/** A machine in a rollout. */
export const RolloutMachine = z.object({
  machine_id: z.string(),
  /** Position of the machine's group in `groups`. */
  wave: z.int(),
  /**
   * `waiting`, `updating`, `updated`, `failed`, `refused` (by the machine's policy, for example), `lost` (no
   * longer connected), `unwell` (has new errors since the update), `returning`, `returned`, or `stuck` (could
   * not return). A newer hub may have more states.
   */
  state: ReportedName,
  /** Number of the last order to this machine, among all orders of the rollout; 0 before the first. */
  attempt: z.int(),
  /** Time of this order (ISO 8601). */
  ordered_at: z.optional(z.string()),
  /** Version that the machine had before. */
  from: z.optional(z.string()),
  /** Number of errors that the machine reported before the update. */
  errors: z.optional(z.int()),
  /**
   * True if the machine is not connected for a reason other than the update, or if a person has accepted that it
   * is lost. Such a machine is not counted as unavailable. It gets its order when it reconnects.
   */
  away: z.optional(z.boolean()),
  /** True if a person has accepted the machine's state by resuming the rollout, so that it no longer counts. */
  accepted: z.optional(z.boolean()),
  /** Time at which the machine reported the update (ISO 8601). */
  updated_at: z.optional(z.string()),
  /** Turns of the machine's agents in the 24 hours before the update. */
  turns_before: z.optional(Turns),
  /** Time of the next attempt (ISO 8601), if the machine does not permit the update now. */
  not_before: z.optional(z.string()),
  error: z.optional(CommandError),
})
export type RolloutMachine = z.infer<typeof RolloutMachine>

export const Rollout = z.object({
  rollout_id: z.string(),
  /** The settings of the `RolloutRequest`. */
  version: z.string(),
  groups: z.array(z.string()),
  max_unavailable: z.int(),
  soak_s: z.int(),
  halt_on: z.int(),
  offline_s: z.int(),
  allow_downgrade: z.boolean(),
  /** Name of the user key that started the rollout, or last resumed it or rolled it back. */
  by: z.optional(z.string()),
  created_at: z.string(),
  /**
   * `running`, `soaking`, `paused`, `halted`, `done`, `rolling_back`, `rolled_back`, or `cancelled`. A newer hub
   * may have more states.
   */
  state: ReportedName,
  /** Reason for which the rollout is halted. */
  reason: z.optional(z.string()),
  /** Position of the current group in `groups`. */
  wave: z.int(),
  /** End of the time for which the hub watches the current group (ISO 8601). */
  soak_until: z.optional(z.string()),
  /** Time from which on failed turns count (ISO 8601); absent if all count. */
  turns_from: z.optional(z.string()),
  /** Number of orders so far. */
  orders: z.optional(z.int()),
  machines: z.array(RolloutMachine),
})
export type Rollout = z.infer<typeof Rollout>

const { machines, ...summary } = Rollout.shape

/** A rollout without its machines, as in the hub's list. */
export const HubRolloutSummary = z.object({
  ...summary,
  /** Number of machines in each state. */
  counts: z.record(z.string(), z.int()),
})
export type HubRolloutSummary = z.infer<typeof HubRolloutSummary>

/** A rollout, as the hub's API shows it. */
export const HubRollout = z.object({
  ...HubRolloutSummary.shape,
  machines,
  /** Number of machines that are unavailable now. */
  unavailable: z.int(),
  /**
   * Turns of agents on updated machines since their updates, and all other turns: before these updates, and on
   * machines that wait. The hub forgets the former when it restarts.
   */
  turns: z.optional(z.object({ updated: Turns, others: Turns })),
  /** Machines of the hub, in any group, that run a blocked version. */
  on_blocked: z.optional(z.array(z.object({ machine_id: z.string(), version: z.string() }))),
})
export type HubRollout = z.infer<typeof HubRollout>

/** Blocks a version. */
export const BlockRequest = z.object({ reason: z.optional(Name) })
export type BlockRequest = z.infer<typeof BlockRequest>

/** A version that the hub orders nowhere. */
export const BlockedVersion = z.object({
  version: z.string(),
  reason: z.optional(z.string()),
  by: z.optional(z.string()),
  at: z.string(),
})
export type BlockedVersion = z.infer<typeof BlockedVersion>
