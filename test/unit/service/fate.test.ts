import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isWithin, parseGroups, unitOf } from '../../../src/service/cgroup.ts'
import { settings } from '../../../src/service/unit-fate.ts'

const name = (group: string) => unitOf(group)?.name

test('the control group that systemd assigned is found with cgroups v1, with v2, and with both', () => {
  const service = '/system.slice/fomular.service'
  assert.equal(parseGroups(`0::${service}\n`), service)
  assert.equal(parseGroups(`12:pids:${service}/x\n1:name=systemd:${service}\n0::${service}\n`), service)
  assert.equal(parseGroups('4:memory:/docker/0123\n3:cpu,cpuacct:/docker/0123\n'), undefined)
  assert.equal(parseGroups(''), undefined)
})

test('the control group of a process shows its service, and whether the service belongs to the system or a user', () => {
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
  // A service whose processes are in subgroups, and a container that sees the groups of its host.
  assert.equal(unitOf('/system.slice/fomular.service/payload')?.group, '/system.slice/fomular.service')
  assert.equal(name('/lxc.payload.a/system.slice/fomular.service'), 'fomular')
  // A scope that a user started is not a service of that user's systemd.
  assert.equal(name('/user.slice/user-1000.slice/user@1000.service/app.slice/run-1.scope'), undefined)
  assert.equal(name('/user.slice/user-1000.slice/session-3.scope'), undefined)
  for (const group of ['/', '/docker/0123', '/system.slice/docker-0123.scope', '/kubepods/pod1/0123'])
    assert.equal(name(group), undefined, group)
  assert.equal(unitOf(undefined), undefined)
})

test('a control group is within itself and its parents, but not within a group whose path is only a prefix of its path', () => {
  const group = '/system.slice/a.service'
  assert.ok(isWithin(group, group) && isWithin(`${group}/x`, group))
  assert.ok(!isWithin('/system.slice/a.service-b.service', group) && !isWithin(undefined, group))
})

test('if a setting is repeated, its last value counts, and comments and continuation lines are not settings', () => {
  const text =
    '[Service]\n# KillMode=none\nKillMode=mixed\nExecStart=/bin/a \\\n  KillMode=none\n KillMode = process \n'
  assert.deepEqual(settings(text), { KillMode: 'process', ExecStart: '/bin/a    KillMode=none' })
  assert.deepEqual(settings(''), {})
})

test('unusual names of units are found, such as escaped names, names of instances, and names in nested slices or a container', () => {
  assert.equal(name('/a.slice/a-b.slice/my\\x2dagents.service'), 'my\\x2dagents')
  assert.equal(name('/system.slice/system-fomular.slice/fomular@a-b.service'), 'fomular@a-b')
  assert.equal(name('/machine.slice/machine-x.scope/payload/system.slice/fomular.service'), 'fomular')
  assert.equal(name('/user.slice/user-1000.slice/user@1000.service/app.slice/app-tmux.scope'), undefined)
  assert.equal(name('/user.slice/user-1000.slice/user@1000.service/init.scope'), undefined)
  const group = '/system.slice/fomular.service'
  assert.ok(!isWithin(`${group}-2`, group))
  assert.ok(!isWithin('/system.slice/fomular.service.d/x', group))
})
