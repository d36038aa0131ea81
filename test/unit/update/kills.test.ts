import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Action, nextStep } from '../../../src/update/next-step.ts'
import type { UpdateRecord } from '../../../src/update/record.ts'

type Version = 'old' | 'new'

/** The fields of a record that determine the next step. `planned` is true if the record has a trial. */
interface Recorded {
  ordered: boolean
  planned: boolean
  stage: 'prove' | 'switch' | 'relaunch' | 'confirm'
  outcome?: 'succeeded' | 'failed'
  settled: boolean
}

/** A model of a machine during an update. */
interface Machine {
  /** The record in `update.json`. */
  disk: Recorded
  installed: Version
  hasStandIn: boolean
  starts: number
  /** The running daemon, with the record in its memory, and its next effects. */
  daemon?: { version: Version; memory: Recorded; todo: Effect[] }
  /** True while a guard runs. */
  guarded: boolean
}

type Effect =
  | { write: Partial<Recorded>; mayBeLost?: true }
  | 'put_stand_in'
  | 'keep_next'
  | 'put_back'
  | 'restart'

/** A write that may fail on a full disk without stopping the update. */
const note = (write: Partial<Recorded>): Effect => ({ write, mayBeLost: true })

const UPDATE: Effect[] = [
  { write: { planned: true } },
  { write: { stage: 'switch' } },
  'put_stand_in',
  { write: { stage: 'relaunch' } },
  'restart',
]
const REVERT: Effect[] = [note({ outcome: 'failed' }), 'put_back']
const SETTLE = note({ settled: true })
const effects: Record<Action, Effect[]> = {
  wait: [],
  try: [note({ stage: 'confirm' })],
  succeed: ['keep_next', note({ outcome: 'succeeded' }), SETTLE],
  fail_interrupted: [...REVERT, SETTLE],
  fail_crashed: [...REVERT, SETTLE],
  go_back: ['put_back', 'restart'],
  finish_reverting: ['put_back', SETTLE],
  settle: [SETTLE],
  clear: [],
}
/** Effects at the end of a trial: the server welcomes the version, or the version is given up or stopped. */
const TRIALS = [effects.succeed, [...REVERT, 'restart' as const], REVERT]

function actionFor({ disk, hasStandIn, starts }: Machine, running: Version): Action {
  const { ordered, planned, stage, outcome, settled } = disk
  const record = { to: 'new', origin: ordered ? 'server' : 'local', attempts: 1, stage, settled }
  return nextStep({ ...record, ...(outcome && { outcome }), ...(planned && { trial: {} }) } as UpdateRecord, {
    running,
    hasStandIn: planned && hasStandIn,
    starts,
  })
}

const killed = ({ daemon: _, ...machine }: Machine): Machine => machine

/** Returns the machine after the daemon's next effect. @param lost true if a write does not reach the disk */
function act(machine: Machine, lost = false): Machine {
  const { version, memory, todo } = machine.daemon!
  const [effect, ...rest] = todo
  const after = { ...machine, daemon: { version, memory, todo: rest } }
  switch (effect) {
    case 'put_stand_in':
      return { ...after, hasStandIn: true, starts: 0 }
    case 'keep_next':
      return { ...after, hasStandIn: false, installed: 'new' }
    case 'put_back':
      return { ...after, hasStandIn: false }
    case 'restart':
      return killed(after)
    default: {
      const written = { ...memory, ...effect!.write }
      const disk = lost ? machine.disk : written
      return { ...after, disk, daemon: { version, memory: written, todo: rest } }
    }
  }
}

/**
 * Returns the machine after each possible start of a daemon: as installed, through the stand-in, or without
 * the stand-in.
 */
function starts(machine: Machine): Machine[] {
  const start = (version: Version, at: Machine) => ({
    ...at,
    daemon: { version, memory: at.disk, todo: effects[actionFor(at, version)] },
  })
  if (!machine.hasStandIn) return [start(machine.installed, machine)]
  // More than three starts have the same effect as three starts.
  const through = { ...machine, starts: Math.min(machine.starts + 1, 3) }
  return [
    start(through.starts > 2 ? 'old' : 'new', { ...through, guarded: through.starts <= 2 }),
    start('old', machine),
  ]
}

/** Returns the machine after each possible next event, including kills and lost writes. */
function successors(machine: Machine): Machine[] {
  const { daemon, disk, guarded, hasStandIn } = machine
  const all: Machine[] = []
  if (!daemon) all.push(...starts(machine))
  else {
    all.push(killed(machine))
    const [effect] = daemon.todo
    if (effect) all.push(act(machine))
    if (typeof effect === 'object' && effect.mayBeLost) all.push(act(machine, true))
    const { version, memory } = daemon
    if (version === 'new' && !effect && !memory.outcome && hasStandIn)
      for (const todo of TRIALS) all.push({ ...machine, daemon: { version, memory, todo } })
  }
  if (!guarded) return all
  all.push({ ...machine, guarded: false })
  // The guard acts when the version on trial has ended: it records the failure, if it can, and then reverts
  // the update.
  if (daemon || !hasStandIn) return all
  const noted = { ...machine, disk: { ...disk, outcome: disk.outcome ?? ('failed' as const) } }
  all.push({ ...noted, guarded: false })
  for (const each of [machine, noted]) all.push({ ...each, hasStandIn: false, guarded: false })
  return all
}

/** Returns all states of a machine that can follow these states. */
function reachable(first: Machine[]): Machine[] {
  const found = new Map(first.map((machine) => [JSON.stringify(machine), machine]))
  for (const machine of found.values())
    for (const next of successors(machine)) found.set(JSON.stringify(next), next)
  return [...found.values()]
}

/** Lets daemons work without kills until no effect is left. */
function undisturbed(machine: Machine): Machine {
  let now = machine
  for (let steps = 0; steps < 50; steps++) {
    if (!now.daemon) now = starts(now)[0]!
    else if (now.daemon.todo.length > 0) now = act(now)
    else if (actionFor(now, now.daemon.version) === 'try')
      now = { ...now, daemon: { ...now.daemon, todo: effects.succeed } }
    else return now
  }
  return now
}

const machines = reachable(
  [false, true].map((ordered) => {
    const disk: Recorded = { ordered, planned: false, stage: 'prove', settled: false }
    return {
      disk,
      installed: 'old',
      hasStandIn: false,
      starts: 0,
      daemon: { version: 'old', memory: disk, todo: UPDATE },
      guarded: false,
    }
  }),
)

/** Checks that the installed version matches the record, and that no stand-in is left. */
function checkEnd(machine: Machine) {
  const { disk, installed, hasStandIn } = machine
  const shown = JSON.stringify(machine)
  assert.ok(disk.outcome, shown)
  assert.equal(hasStandIn, false, shown)
  assert.equal(installed, disk.outcome === 'succeeded' ? 'new' : 'old', shown)
}

test('after any kill of the daemon, the guard, or the machine, a settled update matches its record', () => {
  const settled = machines.filter(({ disk }) => disk.settled)
  assert.ok(settled.length > 10 && machines.length > 200)
  settled.forEach(checkEnd)
})

test('after any kill, a daemon without further kills settles the update or waits for the server’s command', () => {
  for (const machine of machines) {
    const end = undisturbed(killed(machine))
    if (end.disk.settled) checkEnd(end)
    else {
      assert.equal(actionFor(end, end.daemon!.version), 'wait', JSON.stringify({ machine, end }))
      assert.deepEqual([end.installed, end.hasStandIn], ['old', false])
    }
  }
})
