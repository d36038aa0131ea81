import assert from 'node:assert/strict'
import { test } from 'node:test'
import { pickMachine } from '../../../src/cli/client/machine-id.ts'
import type { HubMachine } from '../../../src/protocol/index.ts'

const machine = (machine_id: string, hostname: string, name?: string) =>
  ({ machine_id, hostname, ...(name !== undefined && { name }) }) as HubMachine

const MACHINES = [
  machine('7d12-a', 'debian', 'd13'),
  machine('7d34-b', 'debian', 'debian'),
  machine('9f00-c', 'builder', '7d'),
  machine('9f11-d', 'web', 'twin'),
  machine('9f22-e', 'web', 'twin'),
  // An older hub reports machines without a name.
  machine('aa00-f', 'old'),
]

const picked = (given: string | undefined, machines = MACHINES) => pickMachine(machines, given).machine_id

test('a machine can be named by its id, its name, its host name, or a prefix of its id', () => {
  assert.equal(picked('7d12-a'), '7d12-a')
  assert.equal(picked('d13'), '7d12-a')
  assert.equal(picked('builder'), '9f00-c')
  assert.equal(picked('old'), 'aa00-f')
  assert.equal(picked('aa'), 'aa00-f')
  assert.equal(picked('cafe\u0301', [...MACHINES, machine('bb00-g', 'web', 'caf\u00e9')]), 'bb00-g')
  assert.equal(picked('7d'), '9f00-c', 'a name takes precedence over a prefix of an id')
  assert.equal(
    picked('twin-1', [...MACHINES, machine('cc00-h', 'twin-1', 'db'), machine('cc00-i', 'h', 'twin-1')]),
    'cc00-i',
    'a name takes precedence over a host name',
  )
  assert.throws(
    () => picked('debian'),
    { code: 'machine_ambiguous' },
    'a name that is the host name of another machine is ambiguous',
  )
  assert.equal(picked(undefined, MACHINES.slice(0, 1)), '7d12-a')
})

test('a machine is found by its name even if another machine uses that name as its id or host name', () => {
  const [uuid, other] = ['7d12e854-3c55-4b0e-9a6f-0d6a1c7f2b11', '9f00e854-3c55-4b0e-9a6f-0d6a1c7f2b11']
  const known = [machine(uuid, 'debian', 'build-7'), machine(other, 'web')]
  for (const given of ['build-7', 'debian', '7d12']) {
    assert.equal(picked(given, known), uuid)
    const liar = machine(given, 'liar')
    // A text that is a prefix of two ids selects neither machine.
    if (given === '7d12') assert.throws(() => picked(given, [...known, liar]), { code: 'machine_ambiguous' })
    else assert.equal(picked(given, [...known, liar]), uuid)
    assert.equal(picked('liar', [...known, liar]), given)
  }
  assert.equal(picked(uuid, [...known, machine('x', 'liar', uuid)]), uuid)
  assert.equal(picked('build-7', [...known, machine('x', 'build-7', 'build-7')]), uuid)
  // A host name is ambiguous if another machine without a name has the same host name.
  for (const liar of [machine('x', 'debian', 'debian'), machine('x', 'debian')])
    assert.throws(() => picked('debian', [...known, liar]), { code: 'machine_ambiguous' })
  for (const liar of [machine('x', '7d12', '7d12'), machine('x', '7d12', 'other')])
    assert.throws(() => picked('7d12', [...known, liar]), { code: 'machine_ambiguous' })
  assert.equal(
    picked('7d12', [...known, machine('x', 'h', '7d12')]),
    'x',
    'a name takes precedence over ids and host names',
  )
  assert.equal(picked('7d', [...known, machine('x', '7d', '7d')]), 'x')
  assert.equal(picked('m-1', [machine('m-10', 'web'), machine('m-1', 'web')]), 'm-1')
})

test('the error about an ambiguous name lists the matching machines, with their ids and hosts', () => {
  const error = (given: string | undefined, machines = MACHINES) => {
    try {
      return pickMachine(machines, given) && undefined
    } catch (error) {
      return error as { code: string; message: string }
    }
  }
  assert.deepEqual(
    [error('twin')?.code, error('twin')?.message],
    [
      'machine_ambiguous',
      '"twin" matches several machines: twin (9f11-d, host web), twin (9f22-e, host web).',
    ],
  )
  assert.match(error('web')?.message ?? '', /"web" matches several machines/)
  assert.match(error('9f')?.message ?? '', /7d \(9f00-c, host builder\), twin \(9f11-d/)
  assert.match(error(undefined)?.message ?? '', /^There are several machines: d13 \(7d12-a, host debian\), /)
  assert.match(error('nobody')?.message ?? '', /There is no machine "nobody"/)
  assert.match(error(undefined, [])?.message ?? '', /No machine has connected yet/)
  assert.equal(error('', MACHINES.slice(0, 1))?.code, 'usage', 'an empty variable names no machine')
  assert.match(error('\x1b[2J')?.message ?? '', /"␛\[2J"/)
})
