// Needs: git
import assert from 'node:assert/strict'
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import type { Outcome } from '../../src/protocol/index.ts'
import { earlierCommand } from '../support/earlier-release.ts'
import { fakeStage } from '../support/fake-agent.ts'
import { machineFolder } from '../support/machine-folder.ts'
import { until } from '../support/wait.ts'

for (const version of ['this version', 'the previous release'])
  test(`if a restored backup lacks an agent whose start is unanswered, the server gets the journals of both agents from a daemon of ${version}`, async (t) => {
    const stage = await fakeStage(t)
    if (version !== 'this version') stage.daemonCommand = await earlierCommand(stage.dir)
    const folder = machineFolder(stage)
    await stage.hub()
    let daemon = await stage.daemon()
    folder.save()
    const memory = join(stage.env.HOME!, '.fake-agent')
    mkdirSync(memory)
    writeFileSync(join(memory, 'slow'), '')
    const start = { agent_id: 'a', spec: { cwd: stage.cwd, prompt: 'first' } }
    const { command_id } = await stage.api<Outcome>('POST', '/api/agents?wait=0', start)
    await until(async () => (await stage.request('GET', '/api/agents/a')).ok, { what: 'the agent' })
    await stage.eventually('a', 'process_started')
    daemon.kill('SIGKILL')
    await daemon.ended
    const before = await stage.events('a')
    folder.restore()

    rmSync(join(memory, 'slow'))
    daemon = await stage.daemon()
    await stage.eventually('a', 'turn_result')
    const outcome = await stage.api<Outcome>('GET', `/api/commands/${command_id}?wait=10`)
    assert.equal(outcome.state, 'succeeded')
    const after = await stage.events('a')
    assert.deepEqual(after.slice(0, before.length), before)
    const [mark, ...rest] = after.slice(before.length)
    assert.deepEqual(mark, { ...mark, kind: 'set_back', from: 0 })
    assert.equal(rest[0]?.kind, 'process_started')
    assert.equal(rest.filter(({ kind }) => kind === 'process_started').length, 1)

    daemon.kill('SIGTERM')
    await daemon.ended
    await stage.daemon()
    await stage.command('a', 'resume', { prompt: 'second' })
    await stage.eventually('a', 'text', ({ text }) => text === 'second')
    const all = await stage.events('a')
    assert.deepEqual(all.slice(0, after.length), after)
    const texts = all.flatMap((event) => (event.kind === 'text' ? [event.text] : []))
    assert.deepEqual(texts, ['first', 'second'])
    assert.equal(all.filter(({ kind }) => kind === 'set_back').length, 1)
  })
