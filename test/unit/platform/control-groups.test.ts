import assert from 'node:assert/strict'
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { test } from 'node:test'
import {
  folderIn,
  groupFolder,
  groupNumber,
  isGroupFolder,
  isPopulated,
  membersOf,
  removeGroup,
  writeGroupFile,
} from '../../../src/platform/control-groups.ts'
import { groupSpaces } from '../../../src/platform/disk.ts'
import { standInGroup } from '../../support/stand-in-group.ts'
import { tempDir } from '../../support/temp.ts'

const mount = (root: string, point: string, type = 'cgroup2') =>
  `30 24 0:26 ${root} ${point} rw,nosuid shared:4 - ${type} none rw`

test('the folder of a control group is determined from the mounts, with version 2 alone or with both versions', () => {
  const unified = mount('/', '/sys/fs/cgroup')
  const hybrid = [mount('/', '/sys/fs/cgroup/memory', 'cgroup'), mount('/', '/sys/fs/cgroup/unified')].join(
    '\n',
  )
  const unit = '0::/system.slice/fomular-daemon.service/daemon\n'
  assert.equal(folderIn(unit, unified), '/sys/fs/cgroup/system.slice/fomular-daemon.service/daemon')
  assert.equal(folderIn(`9:name=systemd:/\n4:memory:/x\n${unit}`, hybrid)?.split('/')[4], 'unified')
  assert.equal(folderIn('0::/\n', hybrid), '/sys/fs/cgroup/unified')
  assert.equal(folderIn('0::/docker/a\n', mount('/docker/a', '/sys/fs/cgroup')), '/sys/fs/cgroup')
  assert.equal(folderIn('0::/docker/a/b\n', mount('/docker/a', '/a\\040b')), '/a b/b')
})

test('a control group that is not mounted here has no folder', () => {
  const unified = mount('/', '/sys/fs/cgroup')
  assert.equal(folderIn('4:memory:/x\n', unified), undefined)
  assert.equal(folderIn('0::/x\n', mount('/', '/sys/fs/cgroup/memory', 'cgroup')), undefined)
  assert.equal(folderIn('0::/../x\n', unified), undefined)
  assert.equal(folderIn('0::/docker/ab\n', mount('/docker/a', '/sys/fs/cgroup')), undefined)
})

test('the processes of a control group include the processes of the groups within it', (t) => {
  const dir = tempDir(t)
  standInGroup(join(dir, 'g'), { 'cgroup.procs': '7\n0\n12\n', 'cgroup.events': 'populated 1\nfrozen 0\n' })
  standInGroup(join(dir, 'g/inner/deep'), { 'cgroup.procs': '9\n' })
  assert.deepEqual(membersOf(join(dir, 'g')).sort(), [12, 7, 9])
  assert.equal(isPopulated(join(dir, 'g')), true)
  assert.equal(isPopulated(join(dir, 'g/inner/deep')), false)
  assert.deepEqual(membersOf(join(dir, 'gone')), [])
  assert.equal(isPopulated(join(dir, 'gone')), false)
})

test('a control group is deleted with the empty groups within it', (t) => {
  const dir = tempDir(t)
  mkdirSync(join(dir, 'g/inner/deep'), { recursive: true })
  assert.equal(removeGroup(join(dir, 'g')), true)
  standInGroup(join(dir, 'busy'))
  assert.equal(removeGroup(join(dir, 'busy')), false)
  assert.equal(removeGroup(join(dir, 'gone')), true)
})

test('ordinary folders and symbolic links do not count as control groups', (t) => {
  const dir = tempDir(t)
  standInGroup(join(dir, 'g'))
  symlinkSync('/sys/fs/cgroup', join(dir, 'link'))
  for (const path of [join(dir, 'g'), join(dir, 'link'), '/sys/fs/cgroup/..', 'g', '/nowhere'])
    assert.equal(isGroupFolder(path), false, path)
})

test('a path to a control group does not count if a parent folder is a symbolic link', (t) => {
  const dir = tempDir(t)
  // Without version 2 of control groups, no path counts.
  const own = groupFolder('self') ?? join(dir, 'none')
  const isThere = groupFolder('self') !== undefined
  symlinkSync(dirname(own), join(dir, 'link'))
  assert.equal(isGroupFolder(own), isThere)
  assert.equal(isGroupFolder(join(dir, 'link', basename(own))), false)
})

test('if a symbolic link replaces a file of a control group, nothing is written to its target', (t) => {
  const dir = tempDir(t)
  writeFileSync(join(dir, 'target'), 'untouched')
  symlinkSync(join(dir, 'target'), join(dir, 'cgroup.kill'))
  assert.throws(() => writeGroupFile(join(dir, 'cgroup.kill'), '1'))
  assert.equal(readFileSync(join(dir, 'target'), 'utf8'), 'untouched')
})

test('a number in a file of a control group can be read by its name, and `max` does not count as a number', (t) => {
  const { folder } = standInGroup(join(tempDir(t), 'g'), {
    'memory.events': 'low 0\noom 3\noom_kill 2\n',
    'memory.max': 'max\n',
    'memory.high': '4096\n',
  })
  assert.equal(groupNumber(join(folder, 'memory.events'), 'oom_kill'), 2)
  assert.equal(groupNumber(join(folder, 'memory.events'), 'oom_group_kill'), undefined)
  assert.equal(groupNumber(join(folder, 'memory.max')), undefined)
  assert.equal(groupNumber(join(folder, 'memory.high')), 4096)
  assert.equal(groupNumber(join(folder, 'memory.peak')), undefined)
})

test('the limit of a unit applies to its daemon, even in a group within the unit’s group', (t) => {
  const dir = tempDir(t)
  standInGroup(join(dir, 'unit'), {
    'memory.max': '1000\n',
    'memory.current': '700\n',
    'memory.stat': 'anon 300\ninactive_file 100\n',
  })
  standInGroup(join(dir, 'unit/daemon'), { 'memory.max': 'max\n', 'memory.current': '20\n' })
  assert.deepEqual(groupSpaces(join(dir, 'unit/daemon')), [{ total_bytes: 1000, available_bytes: 400 }])
  assert.deepEqual(groupSpaces(join(dir, 'elsewhere')), [])
})
