import assert from 'node:assert/strict'
import { test } from 'node:test'
import { definitions } from '../../../../packaging/schema.ts'
import { hasEnded, type Stimulus, step } from '../../../../src/agents/state/lifecycle.ts'
import type { AgentState } from '../../../../src/protocol/index.ts'
import { knownValues } from '../../../support/known-values.ts'

const states = knownValues(definitions('output')).AgentState as AgentState[]
const stimuli: Stimulus[] = ['launch', 'ready', 'running', 'waiting', 'idle', 'stop', 'ended']
const walk = (from: AgentState, ...steps: Stimulus[]) => steps.reduce<AgentState>(step, from)

test('an agent waits during a turn that asks a question', () => {
  assert.equal(walk('starting', 'ready'), 'idle')
  assert.equal(walk('idle', 'running', 'waiting'), 'waiting')
  assert.equal(walk('waiting', 'running', 'idle'), 'idle')
})

test('an agent that ends before it is ready has failed, unless it was stopped', () => {
  assert.equal(walk('starting', 'ended'), 'failed')
  assert.equal(walk('starting', 'stop', 'ended'), 'exited')
  assert.equal(walk('starting', 'ready', 'ended'), 'exited')
})

test('every state handles every stimulus, and only a launch changes the state of an ended agent', () => {
  for (const state of states) {
    assert.ok(hasEnded(step(state, 'ended')), state)
    for (const stimulus of stimuli) {
      const next = step(state, stimulus)
      assert.ok(states.includes(next))
      if (hasEnded(state)) assert.equal(next, stimulus === 'launch' ? 'starting' : state)
      if (state === 'stopping') assert.equal(next, stimulus === 'ended' ? 'exited' : 'stopping')
    }
  }
})
