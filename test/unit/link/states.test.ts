import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { isUp, type LinkState, type LinkStimulus, step } from '../../../src/link/states.ts'

const stimuli: LinkStimulus[] = ['start', 'opened', 'welcomed', 'lost', 'drain', 'close']
const walk = (...steps: LinkStimulus[]) => steps.reduce<LinkState>(step, 'idle')

test('a link is up from the welcome until it is lost', () => {
  assert.equal(walk('start', 'opened', 'welcomed'), 'live')
  assert.equal(walk('start', 'opened', 'welcomed', 'lost'), 'dialing')
  assert.equal(walk('start', 'opened', 'welcomed', 'lost', 'opened', 'welcomed'), 'live')
})

test('a draining link still carries frames, and is not dialed again', () => {
  assert.ok(isUp(walk('start', 'opened', 'welcomed', 'drain')))
  assert.equal(walk('start', 'opened', 'welcomed', 'drain', 'lost'), 'closed')
  assert.equal(walk('start', 'opened', 'drain'), 'closed')
})

test('a closed link stays closed, and no link is up without a welcome', () => {
  fc.assert(
    fc.property(fc.array(fc.constantFrom(...stimuli)), (steps) => {
      let state: LinkState = 'idle'
      let welcomed = false
      for (const stimulus of steps) {
        const before = state
        state = step(state, stimulus)
        if (before === 'closed') assert.equal(state, 'closed')
        if (stimulus === 'close') assert.equal(state, 'closed')
        if (stimulus === 'lost') welcomed = false
        if (before === 'greeting' && stimulus === 'welcomed') welcomed = true
        if (isUp(state)) assert.ok(welcomed)
      }
    }),
  )
})
