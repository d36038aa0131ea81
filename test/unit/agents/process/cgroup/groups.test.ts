import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { endGroup } from '../../../../../src/agents/process/cgroup/end-group.ts'
import { type Limit, limitsOf } from '../../../../../src/agents/process/cgroup/limits.ts'
import { makeGroup } from '../../../../../src/agents/process/cgroup/make-group.ts'
import { lackIn } from '../../../../../src/agents/process/cgroup/out-of-memory.ts'
import { groupName, groupOf, groupPrefix } from '../../../../../src/agents/process/cgroup/run-group.ts'
import { AgentSpec } from '../../../../../src/protocol/index.ts'
import { standInGroup } from '../../../../support/stand-in-group.ts'
import { tempDir } from '../../../../support/temp.ts'

const agent = { folder: { real: '/state/agents/abc' }, mark: 'f'.repeat(32) }
const NAME = groupName(agent.folder, agent.mark)
const limit = (name: Limit['name'], value: number, by: Limit['by'] = 'policy'): Limit => ({ name, value, by })

test('the name of a group shows its agent and its state folder, but not the secret of the run', () => {
  assert.ok(NAME.startsWith(`${groupPrefix('/state/agents')}abc-`))
  assert.match(NAME, /^[A-Za-z0-9_-]+$/)
  assert.ok(!NAME.includes('fff'))
  assert.notEqual(groupName(agent.folder, 'e'.repeat(32)), NAME)
})

test('a record alone does not make a folder count as the group of a run', (t) => {
  const { folder } = standInGroup(join(tempDir(t), NAME))
  const run = { mark: agent.mark, group: folder }
  assert.equal(groupOf({ folder: agent.folder, run }), undefined)
  assert.equal(groupOf({ folder: agent.folder, run: { ...run, group: '/sys/fs/cgroup' } }), undefined)
  assert.equal(groupOf({ folder: agent.folder, run: { group: folder } }), undefined)
})

test('a specification can tighten the limits of the policy, and add further limits', () => {
  const spec = AgentSpec.parse({
    cwd: '/',
    limits: { memory_max_mb: 100, cpu_weight: 500, tasks_max: 50, max_turns: 1 },
  })
  assert.deepEqual(limitsOf({ memory_max_mb: 200, cpu_weight: 50 }, spec), [
    limit('memory_max_mb', 100),
    limit('cpu_weight', 50),
    limit('tasks_max', 50, 'spec'),
  ])
  assert.deepEqual(limitsOf({}, AgentSpec.parse({ cwd: '/' })), [])
})

test('a group has its limits before a process enters it', (t) => {
  const dir = tempDir(t)
  const files = { 'memory.max': '', 'memory.high': '', 'cpu.weight': '', 'pids.max': '' }
  const { folder, read } = standInGroup(join(dir, NAME), files)
  const limits = [
    limit('memory_max_mb', 64),
    limit('memory_high_mb', 48),
    limit('cpu_weight', 20),
    limit('tasks_max', 99),
  ]
  assert.equal(makeGroup(agent, { dir, controllers: ['memory', 'cpu', 'pids'] }, limits), folder)
  assert.deepEqual(Object.keys(files).map(read), ['67108864', '50331648', '20', '99'])
})

test('if no limit is demanded, a group is made where the system permits groups', (t) => {
  const dir = tempDir(t)
  assert.equal(makeGroup(agent, { dir, controllers: [] }, []), join(dir, NAME))
  assert.ok(existsSync(join(dir, NAME)))
  assert.equal(makeGroup(agent, undefined, []), undefined)
  assert.equal(makeGroup(agent, { dir: join(dir, 'gone'), controllers: [] }, []), undefined)
})

test('if the policy or a specification demands a limit that is impossible, the agent is not started', (t) => {
  const dir = tempDir(t)
  const of = (limits: Limit[], controllers?: string[]) => () =>
    makeGroup(agent, controllers && { dir, controllers }, limits)
  const refused = (code: string, path: string) => (error: unknown) => {
    const { error: told } = error as { error: { code: string; path: string } }
    assert.deepEqual([told.code, told.path], [code, path])
    return true
  }
  const max = limit('memory_max_mb', 64)
  const tasks = limit('tasks_max', 9, 'spec')
  assert.throws(of([max]), refused('policy', 'resources.memory_max_mb'))
  assert.throws(of([max], ['cpu']), refused('policy', 'resources.memory_max_mb'))
  assert.throws(of([max, tasks], ['memory']), refused('unsupported', 'spec.limits.tasks_max'))
  // The file for this limit does not exist.
  assert.throws(of([max], ['memory']), refused('policy', 'resources.memory_max_mb'))
})

test('ending a group kills all its processes at once, and deletes the group', async (t) => {
  const { folder, write, read } = standInGroup(join(tempDir(t), 'g'), {
    'cgroup.procs': '7777777\n',
    'cgroup.events': 'populated 1\n',
  })
  const ending = endGroup(folder)
  assert.equal(read('cgroup.kill'), '1')
  write('cgroup.events', 'populated 0\n')
  // As in the kernel, the files disappear with the folder.
  for (const name of [
    'cgroup.procs',
    'cgroup.events',
    'cgroup.kill',
    'cgroup.controllers',
    'cgroup.subtree_control',
  ])
    rmSync(join(folder, name))
  assert.equal(await ending, 1)
  assert.ok(!existsSync(folder))
})

test('if the kernel cannot kill a group, the processes of the group are killed one by one', async (t) => {
  const child = spawn('sleep', ['600'])
  const exited = once(child, 'exit')
  const { folder, write } = standInGroup(join(tempDir(t), 'g'), {
    'cgroup.procs': `${child.pid}\n`,
    'cgroup.events': 'populated 1\n',
  })
  rmSync(join(folder, 'cgroup.kill'))
  const ending = endGroup(folder)
  assert.deepEqual(await exited, [null, 'SIGKILL'])
  write('cgroup.events', 'populated 0\n')
  await ending
})

test('a daemon that runs in the group of an agent does not kill that group', async (t) => {
  const { folder, read } = standInGroup(join(tempDir(t), 'g'), {
    'cgroup.procs': `${process.pid}\n`,
    'cgroup.events': 'populated 1\n',
  })
  assert.equal(await endGroup(folder), 0)
  assert.equal(read('cgroup.kill'), '')
})

test('a missing group, and a group without processes, count as ended at once', async (t) => {
  const dir = tempDir(t)
  assert.equal(await endGroup(join(dir, 'gone')), 0)
  mkdirSync(join(dir, 'empty'))
  assert.equal(await endGroup(join(dir, 'empty')), 0)
  assert.ok(!existsSync(join(dir, 'empty')))
})

test('if the kernel ends processes for lack of memory, the report has the limit and the highest use', (t) => {
  const dir = tempDir(t)
  let number = 0
  const told = (files: Record<string, string>) => lackIn(standInGroup(join(dir, `${++number}`), files).folder)
  const peak = { 'memory.max': '67108864\n', 'memory.peak': '67112960\n' }
  assert.equal(told({}), undefined)
  assert.equal(told({ ...peak, 'memory.events': 'max 900\noom 0\noom_kill 0\n' }), undefined)
  assert.equal(
    told({ ...peak, 'memory.events': 'max 900\noom 1\noom_kill 2\n' }),
    'The kernel ended 2 processes of the agent because the agent with its programs reached its limit of 64 MiB. Together, they had used up to 64 MiB.',
  )
  assert.equal(
    told({ 'memory.max': 'max\n', 'memory.events': 'oom 0\noom_kill 1\n' }),
    'The kernel ended a process of the agent because the machine, or the service of the daemon, ran out of memory.',
  )
})
