import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isWithin, parseGroups, unitOf } from '../../../src/service/cgroup.ts'
import { settings } from '../../../src/service/unit-fate.ts'

const name = (group: string) => unitOf(group)?.name

test('the control group of systemd is found with v2, v1 and both', () => {
  const service = '/system.slice/fomular.service'
  assert.equal(parseGroups(`0::${service}\n`), service)
  assert.equal(parseGroups(`12:pids:${service}/x\n1:name=systemd:${service}\n0::${service}\n`), service)
  assert.equal(parseGroups('4:memory:/docker/0123\n3:cpu,cpuacct:/docker/0123\n'), undefined)
  assert.equal(parseGroups(''), undefined)
})

test('which service a process is in, and whose it is', () => {
  assert.deepEqual(unitOf('/system.slice/fomular.service'), {
    name: 'fomular',
    scope: 'system',
    group: '/system.slice/fomular.service',
  })
  assert.deepEqual(unitOf('/user.slice/user-1000.slice/user@1000.service/app.slice/my-agents@1.service'), {
    name: 'my-agents@1',
    scope: 'user',
    group: '/user.slice/user-1000.slice/user@1000.service/app.slice/my-agents@1.service',
  })
  // With a subtree of its own, and in a container that sees the groups of the machine.
  assert.equal(unitOf('/system.slice/fomular.service/payload')?.group, '/system.slice/fomular.service')
  assert.equal(name('/lxc.payload.a/system.slice/fomular.service'), 'fomular')
  // What a user started in a scope is no part of that user's systemd.
  assert.equal(name('/user.slice/user-1000.slice/user@1000.service/app.slice/run-1.scope'), undefined)
  assert.equal(name('/user.slice/user-1000.slice/session-3.scope'), undefined)
  for (const group of ['/', '/docker/0123', '/system.slice/docker-0123.scope', '/kubepods/pod1/0123'])
    assert.equal(name(group), undefined, group)
  assert.equal(unitOf(undefined), undefined)
})

test('a group is within itself and its parents, not beside one whose name begins alike', () => {
  const group = '/system.slice/a.service'
  assert.ok(isWithin(group, group) && isWithin(`${group}/x`, group))
  assert.ok(!isWithin('/system.slice/a.service-b.service', group) && !isWithin(undefined, group))
})

test('the last setting of a name counts, comments and continued lines aside', () => {
  const text =
    '[Service]\n# KillMode=none\nKillMode=mixed\nExecStart=/bin/a \\\n  KillMode=none\n KillMode = process \n'
  assert.deepEqual(settings(text), { KillMode: 'process', ExecStart: '/bin/a    KillMode=none' })
  assert.deepEqual(settings(''), {})
})

test('odd names of units: escaped, in nested slices, of instances, below a container', () => {
  assert.equal(name('/a.slice/a-b.slice/my\\x2dagents.service'), 'my\\x2dagents')
  assert.equal(name('/system.slice/system-fomular.slice/fomular@a-b.service'), 'fomular@a-b')
  assert.equal(name('/machine.slice/machine-x.scope/payload/system.slice/fomular.service'), 'fomular')
  assert.equal(name('/user.slice/user-1000.slice/user@1000.service/app.slice/app-tmux.scope'), undefined)
  assert.equal(name('/user.slice/user-1000.slice/user@1000.service/init.scope'), undefined)
  const group = '/system.slice/fomular.service'
  assert.ok(!isWithin(`${group}-2`, group))
  assert.ok(!isWithin('/system.slice/fomular.service.d/x', group))
})
