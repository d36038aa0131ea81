import { createHash } from 'node:crypto'
import { isoTime } from '../../platform/clock.ts'
import type { CommandError, Outcome } from '../../protocol/index.ts'
import type { MachineInRollout, RolloutRecord } from '../store/rollout-records.ts'
import { DOWN, FAULTS, MACHINE, type MachineEvent, ROLLOUT, type RolloutEvent } from './tables.ts'

/** Time until the next attempt on a machine that does not permit an update now, in milliseconds. */
const POSTPONED_MS = 300_000

/** Facts that the hub knows about a machine. */
export interface MachineFacts {
  /** Position of the machine's group in the rollout; undefined if the rollout is not for this machine. */
  wave: number | undefined
  connected: boolean
  /** Time since which the machine has been connected or disconnected, in milliseconds since 1970. */
  sinceMs: number
  version: string
  /** Number of errors that the machine reports. */
  errors: number
}

export interface World {
  now: number
  machines: ReadonlyMap<string, MachineFacts>
  outcomeOf(commandId: string): Pick<Outcome, 'state' | 'error'> | undefined
}

/** An update to order. The id is the same whenever and wherever the order is repeated. */
export interface UpdateOrder {
  machine_id: string
  command_id: string
  version: string
  allow_downgrade: boolean
}

/** Returns the rollout after an event; undefined if its state does not permit the event. */
export function after(rollout: RolloutRecord, event: RolloutEvent): RolloutRecord | undefined {
  const state = ROLLOUT[rollout.state][event]
  if (!state) return undefined
  const { soak_until: _, reason: _reason, ...rest } = rollout
  const forgiven = event === 'resume' ? faultsIn(rollout) : rollout.forgiven
  return { ...rest, state, forgiven }
}

/** Halts a rollout for a reason, if its state permits it. */
export function halted(rollout: RolloutRecord, reason: string): RolloutRecord {
  const next = after(rollout, 'fault')
  return next ? { ...next, reason } : rollout
}

/**
 * Returns the rollout as the facts demand it, and the orders that are due: new orders, and orders that the hub
 * may not have given before it ended. The caller must store the rollout before it gives the orders.
 */
export function advance(
  given: RolloutRecord,
  world: World,
): { rollout: RolloutRecord; orders: UpdateOrder[] } {
  const rollout = judged({ ...given, machines: observed(given, world) }, world)
  const repeated = rollout.machines.flatMap((each) => {
    const isOpen = isOrdered(each) && world.machines.has(each.machine_id)
    const order = orderFor(rollout, each)
    return isOpen && !world.outcomeOf(order.command_id) ? [order] : []
  })
  let room = rollout.max_unavailable - unavailableIn(rollout, world)
  const orders: UpdateOrder[] = []
  const machines = rollout.machines.map((each) => {
    const event = room > 0 ? dueEvent(rollout, each, world) : undefined
    if (!event) return each
    room--
    const next = ordered(each, event, world)
    orders.push(orderFor(rollout, next))
    return next
  })
  return { rollout: { ...rollout, machines }, orders: [...repeated, ...orders] }
}

/** Returns the number of machines that are unavailable now. */
export function unavailableIn({ machines }: RolloutRecord, world: World): number {
  return machines.filter((each) => {
    const connected = world.machines.get(each.machine_id)?.connected ?? false
    return DOWN.includes(each.state) || (!connected && !each.away)
  }).length
}

/** Reports whether a machine has an order that the hub knows to be unanswered. */
const isOrdered = ({ state }: MachineInRollout) => state === 'updating' || state === 'returning'

const faultsIn = ({ machines }: RolloutRecord) =>
  machines.filter(({ state }) => FAULTS.includes(state)).length

/** Returns the machines of the rollout, each in its present state. */
function observed(rollout: RolloutRecord, world: World): MachineInRollout[] {
  const known = new Set(rollout.machines.map(({ machine_id }) => machine_id))
  const joined = [...world.machines].flatMap(([machine_id, { wave, connected }]): MachineInRollout[] => {
    if (wave === undefined || known.has(machine_id)) return []
    return [{ machine_id, wave, state: 'waiting', attempt: 0, ...(!connected && { away: true }) }]
  })
  const kept = rollout.machines.flatMap((each) => {
    const facts = world.machines.get(each.machine_id)
    // The machine was removed from the hub, or from the group before its turn.
    if (!facts || (facts.wave === undefined && each.state === 'waiting')) return []
    const event = eventOf(rollout, each, facts, world)
    return [moved(placed(rollout, each, facts, world), event, world, rollout)]
  })
  return [...kept, ...joined].sort((a, b) => a.wave - b.wave)
}

/** Sets machines apart that wait while they are not connected, so that they do not use up the room of others. */
function placed(rollout: RolloutRecord, machine: MachineInRollout, facts: MachineFacts, { now }: World) {
  const { away, ...rest } = machine
  if (facts.connected) return rest
  const isGone = machine.state === 'waiting' && now - facts.sinceMs >= rollout.offline_s * 1000
  return away || isGone ? { ...rest, away: true } : rest
}

function eventOf(
  rollout: RolloutRecord,
  machine: MachineInRollout,
  facts: MachineFacts,
  world: World,
): MachineEvent | undefined {
  const { connected, sinceMs, version, errors } = facts
  const isLost = !connected && world.now - sinceMs >= rollout.offline_s * 1000
  const { state } = machine
  if (state === 'waiting') return connected && version === rollout.version ? 'already' : undefined
  if (isOrdered(machine) || (state === 'lost' && connected))
    return answerTo(rollout, machine, world) ?? (isLost ? 'lost' : undefined)
  if (isLost) return 'lost'
  if (!connected || machine.errors === undefined) return undefined
  return errors > machine.errors ? 'unwell' : 'well'
}

function answerTo(rollout: RolloutRecord, machine: MachineInRollout, world: World): MachineEvent | undefined {
  const outcome = world.outcomeOf(orderFor(rollout, machine).command_id)
  if (!outcome || outcome.state === 'pending') return undefined
  return outcome.state === 'succeeded' ? 'succeeded' : meaningOf(outcome.error)
}

function meaningOf(error: CommandError | undefined): MachineEvent {
  if (error?.code === 'update_running' || error?.path === 'update.window') return 'postponed'
  const isRefusal = ['policy', 'unsupported', 'unsigned', 'update_downgrade', 'version_blocked'].includes(
    error?.code ?? '',
  )
  return isRefusal ? 'refused' : 'failed'
}

function moved(
  machine: MachineInRollout,
  event: MachineEvent | undefined,
  world: World,
  rollout: RolloutRecord,
): MachineInRollout {
  const state = event && MACHINE[machine.state][event]
  if (!state) return machine
  const { error: _, not_before: _before, ...rest } = machine
  const error = world.outcomeOf(orderFor(rollout, machine).command_id)?.error
  return {
    ...rest,
    state,
    ...(error && { error: { code: error.code, message: error.message } }),
    ...(event === 'postponed' && { not_before: isoTime(world.now + POSTPONED_MS) }),
  }
}

/** Returns the rollout after what its machines mean for it as a whole. */
function judged(rollout: RolloutRecord, world: World): RolloutRecord {
  const { state, machines, wave, groups, halt_on, forgiven, soak_s, soak_until } = rollout
  const faults = faultsIn(rollout)
  if (faults - forgiven >= halt_on && ROLLOUT[state].fault)
    return halted(
      rollout,
      `${faults} of ${machines.length} machines have failed, are lost, or have new errors.`,
    )
  if (state === 'running' && !machines.some((each) => isOpen(each, wave, world))) {
    const next = after(rollout, 'settled')!
    return judged({ ...next, soak_until: isoTime(world.now + soak_s * 1000) }, world)
  }
  if (state === 'soaking' && soak_until !== undefined && world.now >= Date.parse(soak_until)) {
    if (wave + 1 >= groups.length) return after(rollout, 'finished')!
    return judged({ ...after(rollout, 'next')!, wave: wave + 1 }, world)
  }
  const isReturning = machines.some(
    (each) => isOrdered(each) || returnable(rollout, each, world.machines.get(each.machine_id)),
  )
  return (state === 'rolling_back' && !isReturning && after(rollout, 'returned')) || rollout
}

/** Reports whether the wave must wait for this machine. */
function isOpen(
  { wave, state, away, not_before }: MachineInRollout,
  current: number,
  { now }: World,
): boolean {
  if (wave > current) return false
  const isHeld = away || (not_before !== undefined && now < Date.parse(not_before))
  return state === 'updating' || (state === 'waiting' && !isHeld)
}

/** Returns the order that is due for a machine. */
function dueEvent(rollout: RolloutRecord, machine: MachineInRollout, world: World): MachineEvent | undefined {
  const facts = world.machines.get(machine.machine_id)
  if (!facts?.connected || facts.wave === undefined) return undefined
  if (machine.not_before !== undefined && world.now < Date.parse(machine.not_before)) return undefined
  if (rollout.state === 'rolling_back' || rollout.state === 'rolled_back')
    return returnable(rollout, machine, facts) ? 'return' : undefined
  const isTurn = ['running', 'soaking', 'done'].includes(rollout.state) && machine.wave <= rollout.wave
  return isTurn && machine.state === 'waiting' ? 'order' : undefined
}

const returnable = (rollout: RolloutRecord, machine: MachineInRollout, facts: MachineFacts | undefined) =>
  facts?.connected === true &&
  machine.from !== undefined &&
  machine.from !== rollout.version &&
  facts.version === rollout.version &&
  MACHINE[machine.state].return !== undefined

function ordered(machine: MachineInRollout, event: MachineEvent, { machines }: World): MachineInRollout {
  const { error: _, not_before: _before, ...rest } = machine
  const { version, errors } = machines.get(machine.machine_id)!
  const state = MACHINE[machine.state][event]!
  const before = event === 'order' && { from: version, errors }
  return { ...rest, ...before, state, attempt: machine.attempt + 1 }
}

function orderFor(
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
