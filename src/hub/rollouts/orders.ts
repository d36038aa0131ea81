import { createHash } from 'node:crypto'
import type { MachineInRollout, RolloutRecord } from '../store/rollout-records.ts'

/** An update to order. The id is the same whenever and wherever the order is repeated. */
export interface UpdateOrder {
  machine_id: string
  command_id: string
  version: string
  allow_downgrade: boolean
}

/** Returns the last order to a machine. */
export function orderFor(
  rollout: RolloutRecord,
  { machine_id, attempt, state, from }: MachineInRollout,
): UpdateOrder {
  const { rollout_id } = rollout
  const hash = createHash('sha256')
    .update(JSON.stringify([rollout_id, machine_id, attempt]))
    .digest('hex')
  const isReturn = state === 'returning' && from !== undefined
  return {
    machine_id,
    command_id: `rollout-${hash.slice(0, 40)}`,
    version: isReturn ? from : rollout.version,
    allow_downgrade: isReturn || rollout.allow_downgrade,
  }
}

/** Reports whether a machine has an order that the hub knows to be unanswered. */
export const isOrdered = ({ state }: MachineInRollout) => state === 'updating' || state === 'returning'
