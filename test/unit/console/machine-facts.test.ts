import assert from 'node:assert/strict'
import { test } from 'node:test'
import { loadText, orderMachines } from '../../../src/console/fleet/machine-facts.ts'
import type { HubMachine } from '../../../src/protocol/hub-objects.ts'

const machine = (name: string, connected = true, problems: object[] = []) =>
  ({ name, connected, status: { problems } }) as unknown as HubMachine

const names = (machines: HubMachine[]) => orderMachines(machines).map(({ name }) => name)

test('the load of a machine is said with its processors', () => {
  const load = { one_minute: 1.5, five_minutes: 1, fifteen_minutes: 0.25, processors: 1 }
  assert.equal(loadText(load), '1.50, 1.00, 0.25 over 1, 5, and 15 minutes, on 1 processor')
})

test('machines with errors come first, then those that are not connected, then by name', () => {
  const broken = machine('z', true, [{ severity: 'error' }])
  assert.deepEqual(names([machine('b'), machine('A'), machine('c', false), broken]), ['z', 'c', 'A', 'b'])
})

test('names of any language are in the order of their alphabet', () => {
  assert.deepEqual(names([machine('Zoe'), machine('élan'), machine('fir'), machine('Eva')]), [
    'élan',
    'Eva',
    'fir',
    'Zoe',
  ])
})
