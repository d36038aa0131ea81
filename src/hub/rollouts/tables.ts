/** States of a rollout. */
export type RolloutState =
  | 'running'
  | 'soaking'
  | 'paused'
  | 'halted'
  | 'done'
  | 'rolling_back'
  | 'rolled_back'
  | 'cancelled'

/** Orders of people, and observations of the hub. */
export type RolloutEvent =
  | 'pause'
  | 'resume'
  | 'roll_back'
  | 'cancel'
  /** Too many machines have failed, or the version was blocked. */
  | 'fault'
  /** No machine of the current wave is left to update. */
  | 'settled'
  /** The time to watch the wave is over, and another wave follows. */
  | 'next'
  /** The time to watch the last wave is over. */
  | 'finished'
  /** No connected machine is left to return. */
  | 'returned'

const STOP = { roll_back: 'rolling_back', cancel: 'cancelled' } as const

/** The next state of a rollout, by its state and the event. Other events are refused. */
export const ROLLOUT: Record<RolloutState, Partial<Record<RolloutEvent, RolloutState>>> = {
  running: { ...STOP, pause: 'paused', fault: 'halted', settled: 'soaking' },
  soaking: { ...STOP, pause: 'paused', fault: 'halted', next: 'running', finished: 'done' },
  paused: { ...STOP, resume: 'running', fault: 'halted' },
  halted: { ...STOP, resume: 'running' },
  // A finished rollout updates machines that connect later, and returns such machines after a rollback.
  done: { ...STOP, fault: 'halted' },
  rolling_back: { cancel: 'cancelled', returned: 'rolled_back' },
  rolled_back: { cancel: 'cancelled' },
  cancelled: {},
}

/** States of a machine in a rollout. */
export type MachineState =
  | 'waiting'
  | 'updating'
  | 'updated'
  | 'failed'
  | 'refused'
  | 'lost'
  | 'unwell'
  | 'returning'
  | 'returned'
  | 'stuck'

export type MachineEvent =
  /** The hub orders the update. */
  | 'order'
  /** The hub orders the previous version. */
  | 'return'
  /** The machine already has the version. */
  | 'already'
  | 'succeeded'
  | 'failed'
  /** The machine's policy or version does not permit the order at all. */
  | 'refused'
  /** The machine does not permit the order now, for example outside of its window. */
  | 'postponed'
  /** The machine has not been connected for too long. */
  | 'lost'
  /** The machine has more errors than before the update. */
  | 'unwell'
  | 'well'

const RETURN = { return: 'returning' } as const

/** The next state of a machine, by its state and the event. Other events are ignored. */
export const MACHINE: Record<MachineState, Partial<Record<MachineEvent, MachineState>>> = {
  waiting: { order: 'updating', already: 'updated' },
  updating: {
    succeeded: 'updated',
    failed: 'failed',
    refused: 'refused',
    postponed: 'waiting',
    lost: 'lost',
  },
  updated: { ...RETURN, lost: 'lost', unwell: 'unwell' },
  unwell: { ...RETURN, lost: 'lost', well: 'updated' },
  lost: { succeeded: 'updated', failed: 'failed', refused: 'refused', postponed: 'waiting' },
  failed: RETURN,
  refused: {},
  returning: { succeeded: 'returned', failed: 'stuck', refused: 'stuck', postponed: 'updated' },
  returned: {},
  stuck: {},
}

/** States of a machine that has an unanswered order, or does not connect. */
export const DOWN: readonly MachineState[] = ['updating', 'returning', 'lost']

/** States of a machine that count as failures of the version. */
export const FAULTS: readonly MachineState[] = ['failed', 'lost', 'unwell']
