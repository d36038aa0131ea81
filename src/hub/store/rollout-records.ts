import * as z from 'zod/mini'
import { BlockedVersion, Rollout, RolloutMachine } from '../../protocol/index.ts'

const MachineInRollout = z.object({
  ...RolloutMachine.shape,
  state: z.enum([
    'waiting',
    'updating',
    'updated',
    'failed',
    'refused',
    'lost',
    'unwell',
    'returning',
    'returned',
    'stuck',
  ]),
})
export type MachineInRollout = z.infer<typeof MachineInRollout>

/** A staged update in the store. It contains all that another hub needs to continue it. */
export const RolloutRecord = z.object({
  ...Rollout.shape,
  state: z.enum([
    'running',
    'soaking',
    'paused',
    'halted',
    'done',
    'rolling_back',
    'rolled_back',
    'cancelled',
  ]),
  machines: z.array(MachineInRollout),
  /** Number of machines in each state, if the machines themselves are forgotten. */
  counts: z.optional(z.record(z.string(), z.int())),
})
export type RolloutRecord = z.infer<typeof RolloutRecord>

/** A version that the hub orders nowhere, in the store. */
export const BlockedRecord = BlockedVersion
export type BlockedRecord = z.infer<typeof BlockedRecord>
