import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Event } from '../../src/protocol/index.ts'
import type { Issued } from '../chaos/orders.ts'
import type { ProcessTruth } from '../chaos/truth.ts'
import { outcomes, prompts, starts } from '../chaos/verdict/effects.ts'
import { history } from '../chaos/verdict/history.ts'
import type { Case } from '../chaos/verdict/judge.ts'
import { lives } from '../chaos/verdict/lives.ts'

/** An agent without any violation. */
const agent = (parts: Partial<Case> = {}): Case => ({
  known: { id: 'a1', machine: {} as never, removing: false, watched: false, seen: [] },
  processes: [],
  lives: 1,
  commands: [],
  kills: [],
  kept: [],
  setBack: undefined,
  begin: 0,
  limited: false,
  diskWasFull: false,
  ...parts,
})

const command = (parts: Partial<Issued> = {}): Issued => ({
  id: 'c1',
  kind: 'prompt',
  agent: 'a1',
  body: {},
  state: 'accepted',
  given: 0,
  outcome: { command_id: 'c1', machine_id: 'm', state: 'succeeded' },
  ...parts,
})

test('the verdict requires that each command is accepted and has an outcome that the hub still knows', () => {
  const judged = (parts: Partial<Issued>) => outcomes(agent({ commands: [command(parts)] }))
  const pending = { command_id: 'c1', machine_id: 'm', state: 'pending' } as const
  assert.deepEqual(judged({}), [])
  assert.deepEqual(judged({ state: 'refused', outcome: pending }), [])
  assert.deepEqual(judged({ state: 'open' }), ['prompt c1 was never accepted'])
  assert.deepEqual(judged({ outcome: pending }), ['prompt c1 has no outcome'])
  assert.deepEqual(judged({ outcome: pending, forgotten: true }), [
    'prompt c1 was accepted and then forgotten, without an outcome',
  ])
  assert.deepEqual(
    judged({ outcome: { ...pending, state: 'failed', error: { code: 'internal', message: 'x' } } }),
    ['prompt c1 failed: x'],
  )
})

/** A process that has written these words and ended. */
const process = (
  run: number,
  life: number,
  words: string[],
  parts: Partial<ProcessTruth> = {},
): ProcessTruth => ({
  run,
  life,
  pid: 1,
  session: 's',
  began: 0,
  written: words.map((word) => ({
    line: JSON.stringify({
      type: 'assistant',
      message: { id: word, content: [{ type: 'text', text: word }] },
    }),
    whole: true,
  })),
  inputs: [],
  acted: [],
  exit: 0,
  violations: [],
  full: 0,
  ...parts,
})

/**
 * Builds a history: `1` starts run 1, `-1` ends run 1, `!` rolls the machine back, and other texts are
 * output.
 */
const historyOf = (...told: (string | number)[]) =>
  told.map((step, n) => ({
    offset: n * 10,
    index: 0,
    ...(step === '!'
      ? { kind: 'set_back' }
      : typeof step === 'string'
        ? { kind: 'text', message_id: step, text: step }
        : step > 0
          ? { kind: 'process_started', run: step }
          : {
              kind: 'process_exited',
              run: -step,
              ...(n < told.length - 1 && told[n - 1] === '!' ? {} : { code: 0 }),
            }),
  })) as unknown as Event[]

test('the verdict requires that all activity before and after a rollback of the machine appears exactly once', () => {
  const processes = [process(1, 0, ['a', 'b', 'c']), process(2, 0, ['d', 'e']), process(2, 1, ['f', 'g'])]
  const judged = (history: Event[], kept: Event[] = []) =>
    lives(agent({ processes, lives: 2, setBack: 1, history, kept: [kept] })).length === 0
  // The part that a rollback lost may begin anywhere.
  assert.ok(judged(historyOf(1, 'a', 'b', 'c', -1, 2, 'd', '!', 2, 'f', 'g', -2)))
  assert.ok(judged(historyOf(1, 'a', '!', -1, 2, 'f', 'g', -2)))
  assert.ok(judged(historyOf(1, 'a', 'b', 'c', -1, 2, 'f', 'g', -2)))
  // But everything after the rollback must be complete, in order, and new.
  assert.ok(!judged(historyOf(1, 'a', 'c', '!', -1, 2, 'f', 'g', -2)), 'lost in the middle')
  assert.ok(!judged(historyOf(1, 'a', 'b', '!', 'b', -1, 2, 'f', 'g', -2)), 'twice')
  assert.ok(!judged(historyOf(1, 'a', 'b', '!', -1, 2, 'g', -2)), 'lost after it')
  assert.ok(!judged(historyOf(1, 'a', 'b', '!', -1, 2, 'f', 'g')), 'without its end')
  assert.ok(!judged(historyOf(1, 'a', 'b')), 'nothing since')
  const had = historyOf(1, 'a', 'b', 'c')
  assert.ok(judged(historyOf(1, 'a', 'b', 'c', '!', -1, 2, 'f', 'g', -2), had))
  assert.ok(!judged(historyOf(1, 'a', '!', -1, 2, 'f', 'g', -2), had), 'the hub had more')
  const unborn = { lives: 2, setBack: 1, kept: [], processes: [process(1, 0, ['a', 'b'])] }
  assert.deepEqual(lives(agent({ ...unborn, history: historyOf(1, 'a') })), [])
})

test('the verdict permits that the daemon tells a withdrawal while the agent has no process, but only once', () => {
  const processes = [process(1, 0, ['a']), process(2, 0, ['b'])]
  const withdrawn = { kind: 'prompt_state', prompt_id: 'p', state: 'cancelled', time: 'now' }
  const judged = (...between: object[]) => {
    const [begin, end] = [historyOf(1, 'a', -1), historyOf(2, 'b', -2)]
    const all = [...begin, ...(between as Event[]), ...end]
    return history(
      agent({ processes, history: all.map((event, n) => ({ ...event, offset: n * 10, index: 0 })) }),
    )
  }
  assert.deepEqual(judged(withdrawn), [])
  assert.deepEqual(judged({ kind: 'unknown', raw: { subtype: 'prompt_withdrawn', prompt_id: 'p' } }), [])
  assert.deepEqual(judged(withdrawn, withdrawn), ['the prompt p was withdrawn twice'])
  assert.equal(judged({ ...withdrawn, time: undefined }).length, 1)
})

test('after a rollback, the verdict lets a machine repeat older commands, but not newer commands', () => {
  const prompt = (given: number) => command({ digest: 'x', given })
  const processes = [0, 1].map((life) => process(1, life, [], { acted: ['c1'] }))
  const judged = (parts: Partial<Case>) => prompts(agent(parts)).length === 0
  assert.ok(judged({ processes, setBack: 5, commands: [prompt(1)] }))
  assert.ok(!judged({ processes, setBack: 5, commands: [prompt(6)] }))
  assert.ok(
    !judged({
      processes: processes.map((each) => ({ ...each, life: 0 })),
      setBack: 5,
      commands: [prompt(1)],
    }),
  )
  assert.ok(!judged({ setBack: undefined, commands: [prompt(1)] }))
})

test('the verdict rejects a start that failed and became ready afterwards', () => {
  const failed = { command_id: 'c1', machine_id: 'm', state: 'failed' } as const
  const judged = (ready: number) =>
    starts(
      agent({
        processes: [process(1, 0, [], { ready })],
        commands: [command({ kind: 'start', outcome: failed, heard: 100 })],
      }),
    )
  assert.deepEqual(judged(90), [])
  assert.deepEqual(judged(150), ['start c1 had failed, and its process became ready 50 ms later'])
})

test('the verdict excuses a failure from a lack of file descriptors only if the machine had a shortage of them', () => {
  const message = 'The command failed: this process may not open any more files (EMFILE).'
  const outcome = {
    command_id: 'c1',
    machine_id: 'm',
    state: 'failed',
    error: { code: 'internal', message },
  } as const
  const judged = (limited: boolean) =>
    outcomes(agent({ limited, commands: [command({ outcome })] })).length === 0
  assert.ok(judged(true))
  assert.ok(!judged(false))
})
