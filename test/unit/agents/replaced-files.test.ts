import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  closeSync,
  copyFileSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { endDetached } from '../../../src/agents/process/detached.ts'
import { checkProgram } from '../../../src/agents/process/program-gone.ts'
import { identify } from '../../../src/platform/process-identity.ts'
import { agentsIn, leftAgent } from '../../support/agents.ts'
import { tempDir } from '../../support/temp.ts'
import { until } from '../../support/wait.ts'

interface Options {
  output?: 'journal' | 'pipe'
  program?: string
  args?: string[]
}

/** An agent that an earlier daemon left running. Its output goes to its journal or to a pipe. */
function running(
  t: TestContext,
  { output = 'journal', program: original = '/bin/sleep', args = ['600'] }: Options = {},
) {
  const dir = tempDir(t)
  const { at, started, exited } = leftAgent(join(dir, 'agents'), 'a')
  started()
  const program = join(dir, 'program')
  copyFileSync(original, program)
  const journal = output === 'journal' ? openSync(at('activity.jsonl'), 'a') : undefined
  const child = spawn(program, args, { stdio: ['ignore', journal ?? 'pipe', 'ignore'] })
  if (journal !== undefined) closeSync(journal)
  const parent = spawn('/bin/sleep', ['600'], { stdio: 'ignore' })
  const end = async (process: ChildProcess) => {
    const ended = process.signalCode !== null || new Promise((resolve) => process.once('exit', resolve))
    process.kill('SIGKILL')
    await ended
  }
  t.after(() => Promise.all([end(child), end(parent)]))
  const launcher = identify(parent.pid!)
  const record = { version: 1, run: 1, launcher, feeder: launcher, agent: identify(child.pid!) }
  writeFileSync(at('process.json'), JSON.stringify(record))
  const agents = agentsIn(join(dir, 'agents'))
  t.after(() => agents.close())
  /** Does what the launcher does when the agent ends. */
  const launcherEnds = async () => {
    exited(143)
    writeFileSync(at('exit.json'), JSON.stringify({ version: 1, run: 1, code: 143 }))
    await end(parent)
  }
  return { at, program, agents, child, launcherEnds }
}

const isSignaled = ({ killed, signalCode }: ChildProcess) => !killed && signalCode === 'SIGTERM'

const REPLACED: Record<string, (journal: string) => void> = {
  deleted: (journal) => rmSync(journal),
  'replaced by an older copy': (journal) => {
    copyFileSync(journal, `${journal}.older`)
    renameSync(`${journal}.older`, journal)
  },
}
for (const [how, replace] of Object.entries(REPLACED))
  for (const when of ['while no daemon runs', 'while the daemon runs'])
    test(`an agent whose journal is ${how} ${when} is ended, and the reason is reported`, async (t) => {
      const it = running(t)
      if (when === 'while the daemon runs') it.agents.adopt()
      replace(it.at('activity.jsonl'))
      if (when === 'while no daemon runs') it.agents.adopt()
      const agent = it.agents.get('a')
      it.agents.check(agent)
      await until(() => isSignaled(it.child), { what: 'SIGTERM' })
      await it.launcherEnds()
      await until(() => {
        it.agents.check(agent)
        return agent.status().exit?.detail !== undefined
      })
      const { state, exit } = agent.status()
      assert.deepEqual([state, exit?.code], ['failed', 143])
      assert.match(exit?.detail ?? '', /files were replaced while it ran/)
    })

test('an agent that has no journal and ignores SIGTERM is killed', async (t) => {
  const it = running(t, {
    program: '/bin/sh',
    args: ['-c', 'trap "" TERM; echo set; while :; do sleep 1; done'],
  })
  await until(() => readFileSync(it.at('activity.jsonl'), 'utf8').includes('set'), { what: 'the trap' })
  it.agents.adopt()
  rmSync(it.at('activity.jsonl'))
  const exited = once(it.child, 'exit')
  endDetached(it.agents.get('a'))
  assert.deepEqual(await exited, [null, 'SIGKILL'])
})

test('an agent that writes to its journal or to the pipe of a wrapper is not ended', (t) => {
  for (const output of ['journal', 'pipe'] as const) {
    const { agents, child } = running(t, { output })
    agents.adopt()
    agents.check(agents.get('a'))
    assert.equal(child.signalCode, null)
    assert.equal(agents.get('a').hasEnded, false)
  }
})

const UNTOUCHED: Record<string, (dir: string, journal: string) => void> = {
  'whose whole folder was deleted': (dir) => renameSync(dir, `${dir}-gone`),
  'whose journal cannot be checked': (_, journal) => {
    rmSync(journal)
    symlinkSync(journal, journal)
  },
}
for (const [whose, happen] of Object.entries(UNTOUCHED))
  test(`an agent ${whose} is not ended`, async (t) => {
    const { agents, at, child } = running(t)
    agents.adopt()
    const agent = agents.get('a')
    happen(at(''), at('activity.jsonl'))
    endDetached(agent)
    const exited = once(child, 'exit')
    child.kill('SIGKILL')
    // If the daemon had signaled the agent, the agent would have ended with that signal.
    assert.deepEqual(await exited, [null, 'SIGKILL'])
  })

test('an agent whose program was deleted has a problem until the program is back', (t) => {
  const { agents, program, at } = running(t)
  agents.adopt()
  const agent = agents.get('a')
  checkProgram(agent)
  assert.equal(agent.status().problems, undefined)
  rmSync(program)
  checkProgram(agent)
  const [problem] = agent.status().problems ?? []
  assert.deepEqual([problem?.kind, problem?.name, problem?.status], ['program', program, 'deleted'])
  assert.match(problem?.detail ?? '', /Stop the agent and resume it/)
  // Simulates a package manager that installs the newer version in the same place.
  copyFileSync('/bin/sleep', program)
  checkProgram(agent)
  assert.equal(agent.status().problems, undefined)
  rmSync(at('process.json'))
})
