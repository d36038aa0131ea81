import { isoTime } from '../../platform/clock.ts'
import type { MachineInRollout, RolloutRecord } from '../store/rollout-records.ts'
import { compared, tooManyFailures, turnsBefore } from './error-rate.ts'
import { isWatched, type MachineFacts, observed, type World } from './observe.ts'
import { isOrdered, orderFor, type UpdateOrder } from './orders.ts'
import { ACCEPTABLE, DOWN, FAULTS, MACHINE, type MachineEvent, ROLLOUT, type RolloutEvent } from './tables.ts'

/** States of a rollout in which it orders updates. */
const FORWARD = ['running', 'soaking', 'done']
/** States of a rollout in which it returns machines. */
const BACKWARD = ['rolling_back', 'rolled_back']

/** The next step of a rollout. */
export interface Step {
  rollout: RolloutRecord
  /** Orders that are due: new orders, and orders that the hub may not have given before it ended. */
  orders: UpdateOrder[]
  /** Ids of orders that no machine should receive any longer. */
  withdrawn: string[]
}

/** Returns the rollout after an event; undefined if its state does not permit the event. */
export function after(rollout: RolloutRecord, event: RolloutEvent): RolloutRecord | undefined {
  const state = ROLLOUT[rollout.state][event]
  if (!state) return undefined
  const { soak_until: _, reason: _reason, ...rest } = rollout
  if (event !== 'resume') return { ...rest, state }
  const machines = rollout.machines.map((each) =>
    ACCEPTABLE.includes(each.state) ? { ...each, accepted: true } : each,
  )
  return { ...rest, state, machines }
}

/** Halts a rollout for a reason, if its state permits it. */
export function halted(
  rollout: RolloutRecord,
  reason: string,
  event: 'fault' | 'revoked' = 'fault',
): RolloutRecord {
  const next = after(rollout, event)
  return next ? { ...next, reason } : rollout
}

/** Returns the next step, as the facts demand it. The caller must store the rollout before it gives the orders. */
export function advance(given: RolloutRecord, world: World): Step {
  const rollout = judged({ ...given, machines: observed(given, world) }, world)
  const unanswered = rollout.machines.filter(({ state }) => ['updating', 'returning', 'lost'].includes(state))
  const isWanted = (each: MachineInRollout) =>
    each.state === 'returning' ? BACKWARD.includes(rollout.state) : FORWARD.includes(rollout.state)
  const withdrawn = unanswered.filter((each) => !isWanted(each) || factsOf(each, world)?.replaced)
  const repeated = unanswered.flatMap((each) => {
    if (!isOrdered(each) || withdrawn.includes(each)) return []
    const order = orderFor(rollout, each)
    return world.outcomeOf(order.command_id) ? [] : [order]
  })
  let room = rollout.max_unavailable - unavailableIn(rollout, world)
  let number = rollout.orders ?? 0
  const orders: UpdateOrder[] = []
  const machines = rollout.machines.map((each) => {
    const event = room > 0 ? dueEvent(rollout, each, world) : undefined
    if (!event) return each
    room--
    number++
    const next = ordered(each, event, number, world)
    orders.push(orderFor(rollout, next))
    return next
  })
  return {
    rollout: { ...rollout, machines, ...(number > 0 && { orders: number }) },
    orders: [...repeated, ...orders],
    withdrawn: withdrawn.map((each) => orderFor(rollout, each).command_id),
  }
}

/** Returns the number of machines that are unavailable now, without those that are away for other reasons. */
export function unavailableIn({ machines }: RolloutRecord, world: World): number {
  return machines.filter((each) => {
    const isDown = DOWN.includes(each.state) || !factsOf(each, world)?.connected
    return isDown && !each.away
  }).length
}

/** Reports whether orders of the rollout are unanswered. */
export const hasOpenOrders = ({ machines }: RolloutRecord) => machines.some(isOrdered)

const factsOf = ({ machine_id }: MachineInRollout, { machines }: World) => machines.get(machine_id)

/** Returns the rollout after what its machines mean for it as a whole. */
function judged(rollout: RolloutRecord, world: World): RolloutRecord {
  const { state, machines, wave, groups, halt_on, soak_s, soak_until } = rollout
  const faults = machines.filter((each) => FAULTS.includes(each.state) && each.accepted !== true).length
  if (faults >= halt_on && ROLLOUT[state].fault)
    return halted(
      rollout,
      `${faults} of ${machines.length} machines have failed, are lost, or have new errors.`,
    )
  const watched = machines.filter((each) => isWatched(rollout, each, world))
  const failures = watched.length > 0 && tooManyFailures(turnsIn(rollout, world))
  if (failures && ROLLOUT[state].fault) return halted(rollout, failures)
  if (state === 'running') {
    const group = groupState(rollout)
    if (group === 'open') return rollout
    if (group === 'without_update')
      return halted(rollout, `No machine of the group ${groups[wave]} has accepted and kept the version.`)
    const next = after(rollout, 'settled')!
    return judged({ ...next, soak_until: isoTime(world.now + soak_s * 1000) }, world)
  }
  if (state === 'soaking' && soak_until !== undefined && world.now >= Date.parse(soak_until)) {
    if (wave + 1 >= groups.length) return after(rollout, 'finished')!
    return judged({ ...after(rollout, 'next')!, wave: wave + 1 }, world)
  }
  const isReturning = machines.some(
    (each) => (isOrdered(each) && !each.away) || isReturnable(rollout, each, factsOf(each, world)),
  )
  return (state === 'rolling_back' && !isReturning && after(rollout, 'returned')) || rollout
}

/** Counts the turns on the machines that are watched, and those on machines without the update. */
export const turnsIn = (rollout: RolloutRecord, world: World) =>
  compared(
    {
      ...rollout,
      machines: rollout.machines.filter(
        (each) => each.state === 'waiting' || isWatched(rollout, each, world),
      ),
    },
    world,
  )

/**
 * Returns whether the current group is finished. The rollout waits for connected machines, also until their
 * windows open, and for the first update in the group: without an update, the group has tested nothing.
 */
function groupState({ machines, wave }: RolloutRecord): 'open' | 'without_update' | 'settled' {
  const isAwaited = ({ state, away }: MachineInRollout) =>
    state === 'updating' || (state === 'waiting' && !away)
  if (machines.some((each) => each.wave <= wave && isAwaited(each))) return 'open'
  const group = machines.filter((each) => each.wave === wave)
  const isProof = ({ state, accepted }: MachineInRollout) => state === 'updated' || accepted === true
  if (group.length === 0 || group.some(isProof)) return 'settled'
  return group.some(({ state }) => state === 'waiting' || !ACCEPTABLE.includes(state))
    ? 'open'
    : 'without_update'
}

/** Returns the order that is due for a machine. */
function dueEvent(rollout: RolloutRecord, machine: MachineInRollout, world: World): MachineEvent | undefined {
  const facts = factsOf(machine, world)
  if (!facts?.connected) return undefined
  if (machine.not_before !== undefined && world.now < Date.parse(machine.not_before)) return undefined
  if (BACKWARD.includes(rollout.state)) return isReturnable(rollout, machine, facts) ? 'return' : undefined
  const isTurn = FORWARD.includes(rollout.state) && machine.wave <= rollout.wave
  return isTurn && machine.state === 'waiting' ? 'order' : undefined
}

const isReturnable = (rollout: RolloutRecord, machine: MachineInRollout, facts: MachineFacts | undefined) =>
  facts?.connected === true &&
  !facts.replaced &&
  machine.from !== undefined &&
  machine.from !== rollout.version &&
  facts.version === rollout.version &&
  MACHINE[machine.state].return !== undefined

function ordered(
  machine: MachineInRollout,
  event: MachineEvent,
  attempt: number,
  world: World,
): MachineInRollout {
  const { error: _, not_before: _before, accepted: _accepted, ...rest } = machine
  const { machines, now } = world
  const { version, errors } = machines.get(machine.machine_id)!
  const state = MACHINE[machine.state][event]!
  const before = event === 'order' && { from: version, errors, turns_before: turnsBefore(machine, world) }
  return { ...rest, ...before, state, attempt, ordered_at: isoTime(now) }
}
