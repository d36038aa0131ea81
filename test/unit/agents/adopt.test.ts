import assert from 'node:assert/strict'
import {
  appendFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  rmdirSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { Agents } from '../../../src/agents/agents.ts'
import { launcherLine } from '../../../src/agents/decode.ts'
import { withdraw } from '../../../src/agents/recall.ts'
import { claude } from '../../../src/agents/runtimes/claude/index.ts'
import { systemClock } from '../../../src/platform/clock.ts'
import { createLogger } from '../../../src/platform/log.ts'
import { tempDir } from '../../support/temp.ts'
import { until } from '../../support/wait.ts'

function agentsIn(dir: string) {
  return new Agents({
    dir,
    runtimes: { claude },
    program: async () => '/bin/true',
    environment: {},
    maxAgents: 1,
    resumeTurns: false,
    clock: systemClock,
    logger: createLogger({ level: 'silent', stderr: 'none' }),
    nextRevision: () => 1,
    changed: () => {},
    observed: () => {},
    grown: () => {},
    removed: () => {},
    crashLoops: () => {},
    damaged: () => {},
  })
}

test('a daemon that finishes a resume which was cut short knows where the journal ends', async (t) => {
  const dir = tempDir(t)
  const at = (name: string) => join(dir, 'a', name)
  for (const folder of ['', 'in', 'fed', 'run.1']) mkdirSync(at(folder), { recursive: true })
  const now = '2026-01-01T00:00:00.000Z'
  const spec = { version: 1, agent_id: 'a', command_id: 'c-1', created_at: now, spec: { cwd: dir } }
  const run = {
    version: 1,
    run: 2,
    command_id: 'c-2',
    program: '/bin/true',
    launched_at: now,
    initialize_id: 'i',
  }
  writeFileSync(at('spec.json'), JSON.stringify(spec))
  writeFileSync(at('run.json'), JSON.stringify(run))
  // Of the first run, and no cursor: the daemon was killed before it wrote one.
  appendFileSync(at('activity.jsonl'), launcherLine({ subtype: 'started', run: 1, time: now }))
  for (let n = 0; n < 100; n++) appendFileSync(at('activity.jsonl'), `{"type":"new","n":${n}}\n`)
  appendFileSync(at('activity.jsonl'), launcherLine({ subtype: 'exited', run: 1, time: now, code: 0 }))
  const { size } = statSync(at('activity.jsonl'))
  // Higher than any process's id.
  writeFileSync(at('cursor.json.4194305.tmp'), '{"ver')

  const agents = agentsIn(dir)
  agents.adopt()
  assert.equal(agents.get('a').status().end, size)
  assert.ok(!existsSync(at('cursor.json.4194305.tmp')))
  // The launcher's own end: its folder goes with the test.
  await until(() => agents.get('a').catchUp() || agents.get('a').runEnded)
  agents.close()
})

test('a journal that cannot be read ends nobody, and is read once it can be', async (t) => {
  const dir = tempDir(t)
  const at = (name: string) => join(dir, 'a', name)
  for (const folder of ['', 'in', 'fed', 'run.1', 'activity.jsonl'])
    mkdirSync(at(folder), { recursive: true })
  const time = '2026-01-01T00:00:00.000Z'
  const spec = { version: 1, agent_id: 'a', command_id: 'c-1', created_at: time, spec: { cwd: dir } }
  const run = { version: 1, run: 1, program: '/bin/true', launched_at: time, initialize_id: 'i' }
  writeFileSync(at('spec.json'), JSON.stringify(spec))
  writeFileSync(at('run.json'), JSON.stringify(run))

  const agents = agentsIn(dir)
  agents.adopt()
  const agent = agents.get('a')
  assert.equal(agent.catchUp(), false)
  assert.equal(agent.read(1024), undefined)
  agent.close()
  rmdirSync(at('activity.jsonl'))
  writeFileSync(at('activity.jsonl'), launcherLine({ subtype: 'started', run: 1, time }))
  assert.equal(agent.read(1024)?.events[0]?.kind, 'process_started')
  agents.close()
})

test('an agent that was stopped for a restart stays ended, without that reason, once a stop overtakes the restart', async (t) => {
  const dir = tempDir(t)
  const at = (name: string) => join(dir, 'a', name)
  for (const folder of ['', 'in', 'fed', 'run.1']) mkdirSync(at(folder), { recursive: true })
  const time = '2026-01-01T00:00:00.000Z'
  const spec = { version: 1, agent_id: 'a', command_id: 'c-1', created_at: time, spec: { cwd: dir } }
  const run = { version: 1, run: 1, program: '/bin/true', launched_at: time, initialize_id: 'i' }
  writeFileSync(at('spec.json'), JSON.stringify(spec))
  writeFileSync(at('run.json'), JSON.stringify({ ...run, recall: { why: 'For a restart.' } }))
  const line = (what: object) =>
    appendFileSync(at('activity.jsonl'), launcherLine({ run: 1, time, ...what } as never))
  line({ subtype: 'started' })
  line({ subtype: 'exited', code: 143 })

  const agents = agentsIn(dir)
  agents.adopt()
  const agent = agents.get('a')
  assert.equal(agent.status().exit?.detail, 'For a restart.')
  await withdraw(agent)
  assert.deepEqual([agent.status().exit?.reason, agent.status().exit?.detail], ['stopped', undefined])
  assert.equal(JSON.parse(readFileSync(at('run.json'), 'utf8')).recall, undefined)
  agents.close()
})
