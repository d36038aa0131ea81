import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { desk, QUESTION } from '../support/desk.ts'
import { until } from '../support/wait.ts'

test('the desk answers two agents of Claude Code, opens the activity of one, and comes back', async (t) => {
  const { stage, terminal, prompt } = await desk(t)
  const tool = [{ tool: 'Bash', input: { command: 'touch made', description: 'make it' } }]
  const start = (id: string, ...script: Parameters<typeof prompt> extends [string, ...infer S] ? S : never) =>
    terminal.run(`fd agent start --id ${id} ${prompt(id, ...script)}`)
  await start('first', tool, [{ text: 'All **made**.' }])
  await stage.agentIs('first', 'waiting')
  await start('second', [{ tool: 'AskUserQuestion', input: QUESTION }], [{ text: 'Thanks.' }])
  await stage.agentIs('second', 'waiting')
  await terminal.begin('fd agent watch')
  await terminal.shows(/first on [\s\S]*\? asks to use Bash: touch made\n[\s\S]*a always, s skip.*> $/)
  await terminal.type('y')
  await terminal.shows(/second on [\s\S]*\? Licence: Which licence\?\n[\s\S]*number or text> $/)
  await until(() => existsSync(join(stage.cwd, 'made')))
  await terminal.type('/open')
  await terminal.shows(
    /— second on .* Ctrl-C leads back to the desk\.\n[\s\S]*> second MOCK[\s\S]*number or text> $/,
  )
  await terminal.type('1')
  await terminal.shows(/Thanks\.\n✓ done/)
  await terminal.press('C-c')
  await terminal.shows(/— Back at the desk\.\n +Nothing waits for you\. No agent works\..*> $/)
  await terminal.type('first')
  await terminal.shows(/— first on [\s\S]*All made\.\n✓ done/)
  await terminal.press('C-c')
  await terminal.shows(/— Back at the desk\.\n +Nothing waits for you\..*> $/)
  await terminal.type('nobody')
  await terminal.shows(/No agent has this id\. .*\n.*q quits> $/)
  await terminal.type('q')
  assert.equal((await terminal.over()).code, 0)
})
