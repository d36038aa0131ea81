import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { promisify } from 'node:util'
import { gunzipSync } from 'node:zlib'
import { fakeStage } from '../support/fake-agent.ts'
import { RUN } from '../support/stage.ts'
import { Terminal } from '../support/terminal.ts'

// The archive for support must not contain secrets, and words of people and agents.

test('the archive for support has the facts about agents, but no prompt, output, variable, or key', async (t) => {
  const stage = await fakeStage(t)
  await stage.hub()
  await stage.daemon({ SERVICE_TOKEN: 'value-of-the-daemon' })
  const agent = await stage.start({
    prompt: 'ask words-of-a-question',
    title: 'words-of-the-title',
    env: { TOKEN: 'value-of-the-agent' },
  })
  await stage.agentIs(agent, ({ pending }) => pending.length > 0)
  const broken = await stage.start({ prompt: 'words-of-a-prompt' })
  await stage.agentIs(broken, 'idle')
  const path = join(stage.dir, 'support.tar.gz')
  const [program, ...args] = RUN
  const run = (env: Record<string, string> = {}) =>
    promisify(execFile)(program, [...args, 'support', '--yes', '--output', path], {
      cwd: stage.cwd,
      env: { ...stage.env, MY_PASSWORD: 'value-of-this-shell', ...env },
    })
  const { stdout } = await run()
  assert.match(stdout, /agents\.json[\s\S]*daemon\.log[\s\S]*Wrote .*support\.tar\.gz/)
  assert.equal(statSync(path).mode & 0o777, 0o600)

  const text = gunzipSync(readFileSync(path)).toString('utf8')
  for (const name of ['about', 'doctor', 'status', 'policy', 'agents'])
    assert.match(text, new RegExp(`/${name}\\.json`))
  assert.ok(text.includes(`"agent_id": "${agent}"`) && text.includes('"question": 1'))
  assert.ok(text.includes('daemon started'), 'it has the log of the daemon')
  const keys = ['machine.key', 'user.key'].map((name) =>
    readFileSync(join(stage.state, 'hub', name), 'utf8').trim(),
  )
  const words = ['a-question', 'the-title', 'a-prompt'].map((of) => `words-of-${of}`)
  const values = ['the-daemon', 'the-agent', 'this-shell'].map((of) => `value-of-${of}`)
  for (const secret of [...keys, ...words, ...values]) assert.ok(!text.includes(secret), secret)

  await assert.rejects(run(), /There is already a file .*support\.tar\.gz/)
})

test('nothing is written unless a person agrees', async (t) => {
  const stage = await fakeStage(t)
  await stage.hub()
  await stage.daemon()
  const path = join(stage.dir, 'support.tar.gz')
  const terminal = await Terminal.open(t, stage)
  await terminal.begin(`fd support --output ${path}`)
  await terminal.shows(/Write these files to [\s\S]*support\.tar\.gz\? y\/N> $/)
  await terminal.type('n')
  assert.match((await terminal.over()).text, /Nothing was written\.\s*$/)
  assert.throws(() => statSync(path), { code: 'ENOENT' })
})
