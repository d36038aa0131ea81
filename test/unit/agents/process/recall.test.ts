import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import type { Agent } from '../../../../src/agents/agent.ts'
import type { AgentPool } from '../../../../src/agents/agent-pool.ts'
import { makeFolder } from '../../../../src/agents/disk/folder.ts'
import { SpecRecord } from '../../../../src/agents/disk/records.ts'
import { firstRun } from '../../../../src/agents/process/next-run.ts'
import { nextRestart } from '../../../../src/agents/restart.ts'
import { claude } from '../../../../src/agents/runtimes/claude/index.ts'
import { standDown } from '../../../../src/daemon/stand-down.ts'
import { createLogger } from '../../../../src/platform/log.ts'
import { AgentSpec } from '../../../../src/protocol/index.ts'
import { agentsIn } from '../../../support/agents.ts'
import { tempDir } from '../../../support/temp.ts'
import { until } from '../../../support/wait.ts'

const WORKS_ON = 'while :; do sleep 0.1; done'
const recall = { why: 'For a restart.' }
const logger = createLogger({ level: 'silent', stderr: 'none' })

/** Makes a folder for agents, and a program that acts as an agent. */
function place(t: TestContext, script: string) {
  const opened: AgentPool[] = []
  // This hook runs before the folder is deleted.
  t.after(async () => {
    for (const agents of opened) {
      await agents.settle()
      for (const agent of agents) await agents.stop(agent, { commandId: 'end', graceS: 0 })
      agents.close()
    }
  })
  const dir = tempDir(t)
  const program = join(dir, 'program')
  writeFileSync(program, `#!/bin/sh\n${script}\n`, { mode: 0o755 })
  const spec = AgentSpec.parse({ runtime: 'claude', cwd: dir })
  const adopted = () => {
    const agents = agentsIn(join(dir, 'agents'), {
      program: async () => program,
      environment: { PATH: process.env.PATH },
    })
    agents.adopt()
    opened.push(agents)
    return agents
  }
  const start = async (agents: AgentPool, agent_id: string) => {
    const agent = await agents.start({ type: 'agent:start', agent_id, command_id: agent_id, spec })
    await until(() => agent.process)
    return agent
  }
  return { dir, program, spec, adopted, start }
}

const written = ({ folder }: Agent) => JSON.parse(readFileSync(folder.run, 'utf8'))
const comesBack = (agent: Agent) => nextRestart(agent, Date.now()) !== undefined

/** Does the same as a restart under a unit that ends agents together with the daemon. */
const restart = (agents: AgentPool, quicker: Agent[] = []) =>
  standDown({
    agents,
    fates: {
      look: async () => ({ by: 'the unit', message: '', remedy: '', ends: () => true }),
      doomed: (all: Iterable<Agent>) => [...all].filter(({ hasEnded }) => !hasEnded),
      quicker: () => quicker,
    } as never,
    signaled: quicker.length > 0,
    takeNoCommands: () => {},
    whenCommandsIdle: async () => {},
    stop: { commandId: 'recall', graceS: 0 },
    logger,
  })

test('an agent that the server stops during the completion of a restart is not started again', async (t) => {
  const { adopted, start } = place(t, WORKS_ON)
  const before = adopted()
  const { folder } = await start(before, 'a')
  before.close()
  // Simulates that the previous daemon was killed after this write, but before the agent ended.
  writeFileSync(folder.run, JSON.stringify({ ...JSON.parse(readFileSync(folder.run, 'utf8')), recall }))

  const agents = adopted()
  const agent = agents.get('a')
  await agents.stop(agent, { commandId: 'stop', graceS: 0 })
  assert.equal(agent.status().exit?.reason, 'stopped')
  assert.deepEqual([comesBack(agent), agent.returning], [false, false])
  assert.equal(written(agent).recall, undefined)
})

test('the next daemon does not start an agent that was being stopped during a restart', async (t) => {
  const { adopted, start } = place(t, `trap '' TERM; ${WORKS_ON}`)
  const agents = adopted()
  const agent = await start(agents, 'a')
  const stopping = agents.stop(agent, { commandId: 'stop', graceS: 1 })
  await until(() => agent.snapshot.state === 'stopping')
  await restart(agents)
  await stopping
  assert.equal(agent.status().exit?.reason, 'stopped')
  agents.close()
  const next = adopted().get('a')
  assert.deepEqual([next.hasEnded, comesBack(next)], [true, false])
})

test('an agent that is recalled for a restart before its first launch is launched once', async (t) => {
  const { dir, program, spec, adopted } = place(t, 'echo x >> "$(dirname "$0")/launches"')
  adopted().close()
  const record = SpecRecord.parse({
    version: 1,
    agent_id: 'a',
    command_id: 'c',
    created_at: new Date().toISOString(),
    spec,
  })
  makeFolder(join(dir, 'agents'), record, { ...firstRun(record, program, claude), recall }, () => {})

  const agent = adopted().get('a')
  await until(() => agent.hasRunEnded)
  assert.equal(agent.status().exit?.reason, 'finished')
  assert.equal(comesBack(agent), false)
  assert.equal(readFileSync(join(dir, 'launches'), 'utf8'), 'x\n')
})

test('if the recall of an agent cannot be recorded, the other agents still restart', async (t) => {
  const { adopted, start } = place(t, WORKS_ON)
  const agents = adopted()
  const agent = await start(agents, 'a')
  const unwritable = { id: 'b', run: {}, folder: { run: join(agent.folder.dir, 'none', 'run.json') } }
  await restart(agents, [unwritable as Agent])
  assert.deepEqual([agent.hasEnded, comesBack(agent)], [true, true])
})
