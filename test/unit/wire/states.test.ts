import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { type ConnectionState, type ConnectionStimulus, isUp, step } from '../../../src/wire/states.ts'

const stimuli: ConnectionStimulus[] = ['start', 'opened', 'greeted', 'welcomed', 'lost', 'close']
const walk = (...steps: ConnectionStimulus[]) => steps.reduce<ConnectionState>(step, 'idle')

test('a link is up from the welcome until the link is lost', () => {
  assert.equal(walk('start', 'opened', 'welcomed'), 'live')
  assert.equal(walk('start', 'opened', 'welcomed', 'lost'), 'dialing')
  assert.equal(walk('start', 'opened', 'welcomed', 'lost', 'opened', 'welcomed'), 'live')
})

test('a closed link stays closed, and no link is up without a welcome', () => {
  fc.assert(
    fc.property(fc.array(fc.constantFrom(...stimuli)), (steps) => {
      let state: ConnectionState = 'idle'
      let welcomed = false
      for (const stimulus of steps) {
        const before = state
        state = step(state, stimulus)
        if (before === 'closed') assert.equal(state, 'closed')
        if (stimulus === 'close') assert.equal(state, 'closed')
        if (stimulus === 'lost') welcomed = false
        if (['greeting', 'welcoming'].includes(before) && stimulus === 'welcomed') welcomed = true
        if (isUp(state)) assert.ok(welcomed)
      }
    }),
  )
})

test('a server’s connection is up from the welcome until it is closed, and is never dialed', () => {
  const accepted = (...steps: ConnectionStimulus[]) => steps.reduce<ConnectionState>(step, 'greeting')
  assert.equal(accepted('greeted'), 'welcoming')
  assert.ok(!isUp(accepted('greeted')))
  assert.equal(accepted('greeted', 'greeted'), 'welcoming')
  assert.equal(accepted('greeted', 'welcomed'), 'live')
  for (const steps of [[], ['greeted'], ['greeted', 'welcomed']] as const) {
    assert.equal(accepted(...steps, 'close'), 'closed')
    assert.equal(accepted(...steps, 'close', 'greeted', 'welcomed', 'start'), 'closed')
  }
})
