import assert from 'node:assert/strict'
import { existsSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { delegatedGroup, openGroups } from '../../../src/service/delegated-group.ts'
import { standInGroup } from '../../support/stand-in-group.ts'
import { type Cleanup, tempDir } from '../../support/temp.ts'

/** Makes the groups of a unit that systemd has started. @returns their path */
function unit(t: Cleanup, path = 'system.slice/x.service') {
  const folder = join(tempDir(t), path)
  return standInGroup(folder)
}

const never = async () => assert.fail('systemd was asked')

test('a daemon that systemd has started in a subgroup of its unit may make groups next to that subgroup', async (t) => {
  const { folder } = unit(t)
  const own = standInGroup(join(folder, 'daemon')).folder
  assert.deepEqual(await delegatedGroup({}, own, never), { base: folder, own })
})

test('a daemon in its unit’s own group asks systemd whether the group is delegated', async (t) => {
  const { folder: own } = unit(t, 'user.slice/user-1.slice/user@1.service/app.slice/x.service')
  const place = (answer: string | undefined) => delegatedGroup({}, own, async () => answer)
  assert.deepEqual(await place('yes\n'), { base: own, own })
  assert.equal(await place('no\n'), undefined)
  assert.equal(await place(undefined), undefined)
})

test('groups of sessions, scopes, and slices belong to systemd', async (t) => {
  for (const path of ['user.slice/user-0.slice/session-1.scope', 'init.scope', 'system.slice'])
    assert.equal(await delegatedGroup({}, unit(t, path).folder, never), undefined, path)
})

test('a daemon without systemd makes groups in its own group, if it may write to that group', async (t) => {
  const { folder: own } = standInGroup(join(tempDir(t), 'container'))
  assert.deepEqual(await delegatedGroup({}, own, never), { base: join(own, 'fomular-daemon'), own })
  rmSync(join(own, 'cgroup.procs'))
  assert.equal(await delegatedGroup({}, own, never), undefined)
})

test('the daemon moves to a separate group, so that controllers can be enabled for the groups of agents', (t) => {
  const files = { 'cgroup.controllers': 'cpuset cpu memory pids\n' }
  const own = standInGroup(join(tempDir(t), 'container'), files)
  const base = join(own.folder, 'fomular-daemon')
  const daemon = standInGroup(join(base, 'daemon'))
  const groups = [own, standInGroup(base), standInGroup(join(base, 'agents'))]
  openGroups({ base, own: own.folder })
  assert.equal(daemon.read('cgroup.procs'), String(process.pid))
  // The kernel applies every line that is written, but the stand-in keeps only the last line.
  for (const { read } of groups) assert.equal(read('cgroup.subtree_control'), '+cpu')
})

test('if systemd starts each daemon directly in the unit’s group, that group gets no controllers', (t) => {
  const { folder, read } = unit(t)
  assert.deepEqual(openGroups({ base: folder, own: folder }), {
    dir: join(folder, 'agents'),
    controllers: [],
  })
  assert.equal(read('cgroup.subtree_control'), '')
  assert.ok(existsSync(join(folder, 'agents')))
})

test('agents are limited only by controllers that the kernel has enabled for them', (t) => {
  const { folder } = unit(t)
  standInGroup(join(folder, 'agents'), { 'cgroup.subtree_control': 'pids memory hugetlb\n' })
  assert.deepEqual(openGroups({ base: folder, own: folder }).controllers, ['memory', 'pids'])
})
