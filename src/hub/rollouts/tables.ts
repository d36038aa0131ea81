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
  /** The key of the person who wants this was revoked. */
  | 'revoked'
  /** No machine of the current wave is left to update. */
  | 'settled'
  /** The time to watch the wave is over, and another wave follows. */
  | 'next'
  /** The time to watch the last wave is over. */
  | 'finished'
  /** No connected machine is left to return. */
  | 'returned'

const STOP = { roll_back: 'rolling_back', cancel: 'cancelled' } as const
const HALT = { fault: 'halted', revoked: 'halted' } as const

/** The next state of a rollout, by its state and the event. Other events are refused. */
export const ROLLOUT: Record<RolloutState, Partial<Record<RolloutEvent, RolloutState>>> = {
  running: { ...STOP, ...HALT, pause: 'paused', settled: 'soaking' },
  soaking: { ...STOP, ...HALT, pause: 'paused', next: 'running', finished: 'done' },
  paused: { ...STOP, resume: 'running', fault: 'halted' },
  halted: { ...STOP, resume: 'running' },
  // A finished rollout updates machines that connect later, and returns such machines after a rollback.
  done: { ...STOP, ...HALT },
  rolling_back: { cancel: 'cancelled', revoked: 'halted', returned: 'rolled_back' },
  rolled_back: { cancel: 'cancelled', revoked: 'halted' },
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
  /** The machine's policy, settings, or version do not permit the order at all. */
  | 'refused'
  /** The machine does not permit the order now, for example outside of its window. */
  | 'postponed'
  /** The order did not reach the machine, and will not. */
  | 'withdrawn'
  /** The machine has not been connected for too long. */
  | 'lost'
  /** The machine is connected, but has not answered the order for too long. */
  | 'silent'
  /** The machine has more errors than before the update. */
  | 'unwell'
  | 'well'

const RETURN = { return: 'returning' } as const
const ANSWERED = {
  succeeded: 'updated',
  failed: 'failed',
  refused: 'refused',
  postponed: 'waiting',
  withdrawn: 'waiting',
} as const

/** The next state of a machine, by its state and the event. Other events are ignored. */
export const MACHINE: Record<MachineState, Partial<Record<MachineEvent, MachineState>>> = {
  waiting: { order: 'updating', already: 'updated' },
  updating: { ...ANSWERED, lost: 'lost', silent: 'lost' },
  updated: { ...RETURN, lost: 'lost', unwell: 'unwell' },
  unwell: { ...RETURN, lost: 'lost', well: 'updated' },
  lost: ANSWERED,
  failed: RETURN,
  refused: {},
  returning: {
    succeeded: 'returned',
    failed: 'stuck',
    refused: 'stuck',
    postponed: 'updated',
    withdrawn: 'stuck',
    silent: 'stuck',
  },
  returned: {},
  stuck: {},
}

/** States of a machine that has an unanswered order, or does not connect. */
export const DOWN: readonly MachineState[] = ['updating', 'returning', 'lost']

/** States of a machine that count as failures of the version. */
export const FAULTS: readonly MachineState[] = ['failed', 'lost', 'unwell']

/** States of a machine without a working update, which a person accepts by resuming the rollout. */
export const ACCEPTABLE: readonly MachineState[] = [...FAULTS, 'refused']
