import assert from 'node:assert/strict'
import {
  appendFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmdirSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { test } from 'node:test'
import { withdraw } from '../../../src/agents/process/recall.ts'
import { agentsIn, leftAgent } from '../../support/agents.ts'
import { tempDir } from '../../support/temp.ts'
import { until } from '../../support/wait.ts'

test('if a daemon was killed during a resume, the next daemon knows where the journal ends', async (t) => {
  const dir = tempDir(t)
  const { at, started, exited } = leftAgent(dir, 'a', { run: 2, command_id: 'c-2' })
  // The journal has the first run but no cursor, because the daemon was killed before it wrote a cursor.
  started()
  for (let n = 0; n < 100; n++) appendFileSync(at('activity.jsonl'), `{"type":"new","n":${n}}\n`)
  exited()
  const { size } = statSync(at('activity.jsonl'))
  // The number in the file name is higher than any process id.
  writeFileSync(at('cursor.json.4194305.tmp'), '{"ver')

  const agents = agentsIn(dir)
  agents.adopt()
  assert.equal(agents.get('a').status().end, size)
  assert.ok(!existsSync(at('cursor.json.4194305.tmp')))
  // Waits for the end of the launcher, because its folder is deleted after the test.
  await until(() => agents.get('a').catchUp() || agents.get('a').hasRunEnded)
  agents.close()
})

test('an agent with an unreadable journal does not fail, and the journal is read when it becomes readable', async (t) => {
  const dir = tempDir(t)
  const { at, started } = leftAgent(dir, 'a')
  started()

  const agents = agentsIn(dir)
  agents.adopt()
  const agent = agents.get('a')
  agent.rewind(0)
  agent.close()
  renameSync(at('activity.jsonl'), at('activity'))
  mkdirSync(at('activity.jsonl'))
  assert.equal(agent.catchUp(), false)
  assert.equal(agent.read(1024), undefined)
  rmdirSync(at('activity.jsonl'))
  renameSync(at('activity'), at('activity.jsonl'))
  assert.equal(agent.read(1024)?.events[0]?.kind, 'process_started')
  agents.close()
})

test('if a stop command arrives after an agent was ended for a restart, the reason of its end becomes `stopped`', async (t) => {
  const dir = tempDir(t)
  const { at, started, exited } = leftAgent(dir, 'a', { recall: { why: 'For a restart.' } })
  started()
  exited(143)

  const agents = agentsIn(dir)
  agents.adopt()
  const agent = agents.get('a')
  assert.equal(agent.status().exit?.detail, 'For a restart.')
  await withdraw(agent)
  assert.deepEqual([agent.status().exit?.reason, agent.status().exit?.detail], ['stopped', undefined])
  assert.equal(JSON.parse(readFileSync(at('run.json'), 'utf8')).recall, undefined)
  agents.close()
})

test('an agent still ends properly if its old program cannot be deleted', async (t) => {
  const dir = tempDir(t)
  const { at, started, exited } = leftAgent(dir, 'a', { launched_at: new Date().toISOString() })
  started()
  mkdirSync(at('claude'))
  const told: string[] = []
  const agents = agentsIn(dir, { onChange: ({ snapshot }) => void told.push(snapshot.state) })
  t.after(() => agents.close())
  agents.adopt()
  exited()
  agents.get('a').catchUp()
  assert.equal(told.at(-1), 'failed')
})

test('an agent counts as ended even if a newer launcher reports the end with an unknown reason', (t) => {
  const dir = tempDir(t)
  const reason = 'of_tomorrow'
  const said = leftAgent(dir, 'said', { launched_at: '2026-01-01T00:00:00.000Z' })
  said.started()
  appendFileSync(
    said.at('activity.jsonl'),
    `\n${JSON.stringify({ type: 'launcher', subtype: 'exited', run: 1, code: 3, reason })}\n`,
  )
  const noted = leftAgent(dir, 'noted', { launched_at: '2026-01-01T00:00:00.000Z' })
  noted.started()
  writeFileSync(noted.at('exit.json'), JSON.stringify({ version: 1, run: 1, code: 3, reason }))

  const agents = agentsIn(dir)
  t.after(() => agents.close())
  agents.adopt()
  for (const id of ['said', 'noted']) {
    const agent = agents.get(id)
    while (agent.catchUp());
    assert.equal(agent.status().exit?.code, 3, id)
  }
})
