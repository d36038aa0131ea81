import assert from 'node:assert/strict'
import { test } from 'node:test'
import { orderMachines } from '../../../src/console/fleet/machine-facts.ts'
import type { HubMachine } from '../../../src/protocol/hub-objects.ts'

const machine = (name: string, connected = true, problems: object[] = []) =>
  ({ name, connected, status: { problems } }) as unknown as HubMachine

const names = (machines: HubMachine[]) => orderMachines(machines).map(({ name }) => name)

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
