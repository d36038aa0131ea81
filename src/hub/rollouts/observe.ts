import { isoTime } from '../../platform/clock.ts'
import type { CommandError, Outcome, Turns } from '../../protocol/index.ts'
import { isUnsent } from '../registry/unsent.ts'
import type { MachineInRollout, RolloutRecord } from '../store/rollout-records.ts'
import { isOrdered, orderFor } from './orders.ts'
import { MACHINE, type MachineEvent } from './tables.ts'

/** Time until the next attempt on a machine that does not permit an update now, in milliseconds. */
const POSTPONED_MS = 300_000
/** Maximum of this time, if the machine says when it permits the update: a day that is an hour longer. */
const LATEST_MS = 25 * 3_600_000
/** Time after which a connected machine that has not answered its order counts as failed, in milliseconds. */
const SILENT_MS = 3_600_000
/** States of a rollout in which updated machines are watched. */
const WATCHFUL = ['running', 'soaking', 'paused', 'halted']
/** Failures that are facts about the machine, and not about the version. */
const REFUSALS = ['policy', 'unsupported', 'update_refused', 'update_downgrade', 'update_engine']
/** Failures after which the machine may accept the order later. */
const PASSING = ['update_running', 'draining', 'busy']

/** Facts that the hub knows about a machine. */
export interface MachineFacts {
  /** Position of the machine's group in the rollout; undefined if the rollout does not decide about the group. */
  wave: number | undefined
  /** True if a newer rollout decides about the machine's group. */
  replaced?: boolean
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
  /** Counts the turns of a machine's agents from one time until another, in milliseconds since 1970. */
  turnsOf(machineId: string, fromMs: number, toMs: number): Turns
}

/** Returns the machines of the rollout, each in its present state. */
export function observed(rollout: RolloutRecord, world: World): MachineInRollout[] {
  const known = new Set(rollout.machines.map(({ machine_id }) => machine_id))
  const joined = [...world.machines].flatMap(([machine_id, facts]): MachineInRollout[] => {
    const { wave, connected, version } = facts
    if (wave === undefined || known.has(machine_id)) return []
    const state = connected && version === rollout.version ? 'updated' : 'waiting'
    return [{ machine_id, wave, state, attempt: 0, ...(!connected && { away: true }) }]
  })
  const kept = rollout.machines.flatMap((each) => {
    const facts = world.machines.get(each.machine_id)
    // The machine was removed from the hub.
    if (!facts) return []
    const next = moved(each, eventOf(rollout, each, facts, world), world, rollout)
    // Until a machine has its update, its present group decides.
    if (next.state === 'waiting' && facts.wave === undefined) return []
    const wave = next.state === 'waiting' ? facts.wave! : next.wave
    return [placed(rollout, { ...next, wave }, facts, world)]
  })
  return [...kept, ...joined].sort((a, b) => a.wave - b.wave)
}

const isGone = ({ offline_s }: RolloutRecord, { connected, sinceMs }: MachineFacts, { now }: World) =>
  !connected && now - sinceMs >= offline_s * 1000

/**
 * Sets machines apart that are not connected for a reason other than the rollout, so that they do not use up the
 * room of others. A lost machine uses room until a person has accepted the loss, or wants the rollback.
 */
function placed(rollout: RolloutRecord, machine: MachineInRollout, facts: MachineFacts, world: World) {
  const { away, ...rest } = machine
  if (facts.connected) return rest
  const { state, accepted } = machine
  const isOpen = [...WATCHFUL, 'done'].includes(rollout.state)
  const counts = state === 'updating' || (state === 'lost' && isOpen && accepted !== true)
  return !counts && (away || isGone(rollout, facts, world)) ? { ...rest, away: true } : rest
}

function eventOf(
  rollout: RolloutRecord,
  machine: MachineInRollout,
  facts: MachineFacts,
  world: World,
): MachineEvent | undefined {
  const { connected, version, errors } = facts
  const { state } = machine
  const isLost = isGone(rollout, facts, world)
  if (state === 'waiting') return connected && version === rollout.version ? 'already' : undefined
  if (isOrdered(machine))
    return (
      answerTo(rollout, machine, world) ?? (isLost ? 'lost' : isSilent(machine, world) ? 'silent' : undefined)
    )
  if (state === 'lost') return connected ? returnOf(rollout, machine, facts, world) : undefined
  if (!isWatched(rollout, machine, world)) return undefined
  if (isLost) return 'lost'
  if (!connected || machine.errors === undefined) return undefined
  return errors > machine.errors ? 'unwell' : 'well'
}

/** Returns what a lost machine that is connected again has to say about its order. */
function returnOf(rollout: RolloutRecord, machine: MachineInRollout, facts: MachineFacts, world: World) {
  const answer = answerTo(rollout, machine, world)
  if (answer || world.outcomeOf(orderFor(rollout, machine).command_id)) return answer
  // The hub remembers outcomes for a limited time.
  return facts.version === rollout.version ? 'succeeded' : 'failed'
}

/** Reports whether the rollout answers for the health of a machine: it has updated it, and not long ago. */
export function isWatched(
  rollout: RolloutRecord,
  { from, updated_at }: MachineInRollout,
  { now }: World,
): boolean {
  if (from === undefined) return false
  const isRecent = updated_at !== undefined && now < Date.parse(updated_at) + rollout.soak_s * 1000
  return WATCHFUL.includes(rollout.state) || (rollout.state === 'done' && isRecent)
}

const isSilent = ({ ordered_at }: MachineInRollout, { now }: World) =>
  ordered_at !== undefined && now - Date.parse(ordered_at) >= SILENT_MS

function answerTo(rollout: RolloutRecord, machine: MachineInRollout, world: World): MachineEvent | undefined {
  const outcome = world.outcomeOf(orderFor(rollout, machine).command_id)
  if (!outcome || outcome.state === 'pending') return undefined
  return outcome.state === 'succeeded' ? 'succeeded' : meaningOf(outcome.error)
}

function meaningOf(error: CommandError | undefined): MachineEvent {
  const { code = '', path } = error ?? {}
  if (isUnsent(error)) return 'withdrawn'
  if (PASSING.includes(code) || path === 'update.window') return 'postponed'
  return REFUSALS.includes(code) ? 'refused' : 'failed'
}

function moved(
  machine: MachineInRollout,
  event: MachineEvent | undefined,
  world: World,
  rollout: RolloutRecord,
): MachineInRollout {
  const state = event && MACHINE[machine.state][event]
  if (!state || state === machine.state) return machine
  const { error: _, not_before: _before, accepted: _accepted, ...rest } = machine
  const { error } = world.outcomeOf(orderFor(rollout, machine).command_id) ?? {}
  // The answer to an order that was withdrawn may be lost, but the machine has the version.
  const isUpdate = event === 'succeeded' || (event === 'already' && machine.from !== undefined)
  const said = event === 'silent' ? SILENT : error
  return {
    ...rest,
    state,
    ...(said && event !== 'withdrawn' && { error: { code: said.code, message: said.message } }),
    ...(event === 'postponed' && { not_before: isoTime(nextAttempt(error, world.now)) }),
    ...(isUpdate && { updated_at: isoTime(world.now) }),
  }
}

function nextAttempt(error: CommandError | undefined, now: number): number {
  const opens = Date.parse(error?.until ?? '')
  return opens > now && opens <= now + LATEST_MS ? opens : now + POSTPONED_MS
}

const SILENT = { code: 'no_reply', message: 'The machine is connected, but has not answered for an hour.' }
