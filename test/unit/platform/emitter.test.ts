import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Emitter } from '../../../src/platform/emitter.ts'

const bell = () => new Emitter<{ ring: [times: number, by: string]; fall: [] }>()

test('the listeners of an event are called in the order in which they were added, with the event’s arguments', () => {
  const events = bell()
  const heard: unknown[] = []
  events.on('ring', (times, by) => heard.push(['first', times, by]))
  const leave = events.on('ring', (times) => heard.push(['second', times]))
  events.on('fall', () => heard.push('fall'))
  events.emit('ring', 2, 'hand')
  leave()
  events.emit('ring', 1, 'wind')
  assert.deepEqual(heard, [
    ['first', 2, 'hand'],
    ['second', 2],
    ['first', 1, 'wind'],
  ])
})

test('an event needs no listeners, and the error of a listener reaches the code that emits the event', () => {
  const events = bell()
  events.emit('ring', 1, 'wind')
  events.on('ring', () => {
    throw new Error('deaf')
  })
  assert.throws(() => events.emit('ring', 1, 'wind'), /deaf/)
})
