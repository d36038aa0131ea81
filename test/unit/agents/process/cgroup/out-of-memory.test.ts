import assert from 'node:assert/strict'
import fs, { mkdirSync, writeFileSync } from 'node:fs'
import { syncBuiltinESMExports } from 'node:module'
import { join } from 'node:path'
import { test } from 'node:test'
import { checkMemory, memoryProblem } from '../../../../../src/agents/process/cgroup/out-of-memory.ts'
import { groupName } from '../../../../../src/agents/process/cgroup/run-group.ts'
import { tempDir } from '../../../../support/temp.ts'

/** Type of file systems with control groups. */
const CGROUP2 = 0x63677270

type Checked = Parameters<typeof checkMemory>[0]

test('an agent that was queued for a long time reports that the kernel has ended its processes', (t) => {
  const real = tempDir(t)
  const mark = 'secret'
  const group = join(real, groupName({ real }, mark))
  mkdirSync(group)
  writeFileSync(join(group, 'memory.events'), 'oom 0\noom_kill 1\n')
  const { mock } = t.mock.method(fs, 'statfsSync', () => ({ type: CGROUP2 }))
  syncBuiltinESMExports()
  t.after(() => {
    mock.restore()
    syncBuiltinESMExports()
  })
  const agent = { hasEnded: false, folder: { real }, run: { run: 1 }, touch() {} } as Checked
  for (let n = 0; n < 10; n++) checkMemory(agent)
  assert.deepEqual(memoryProblem(agent), [])
  const own = { pid: process.pid }
  Object.assign(agent, { run: { run: 1, mark, group }, process: { launcher: own, agent: own } })
  checkMemory(agent)
  assert.match(memoryProblem(agent)[0]?.detail ?? '', /The kernel ended a process of the agent/)
})
