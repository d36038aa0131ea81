import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { claudeStage } from '../support/claude-stage.ts'
import { desk } from '../support/desk.ts'
import { freePort } from '../support/stage.ts'
import { Terminal } from '../support/terminal.ts'

test('`status`, `doctor`, `logs`, `restart`, and `stop` work for a daemon that runs in a terminal', async (t) => {
  const { server, terminal } = await desk(t)
  const status = await terminal.run('fd status')
  assert.equal(status.code, 0)
  assert.match(
    status.text,
    /^Daemon +[\d.]+, process \d+, running for .*\n[\s\S]*Server +ws:\S+ connected for .*, answers in \d+ ms/,
  )
  // On a terminal, `doctor` could ask about leftover processes of other tests on this machine.
  const doctor = await terminal.run('fd doctor </dev/null')
  assert.equal(doctor.code, 0)
  assert.match(
    doctor.text,
    /✓ Node [\s\S]*✓ The daemon sees: Claude Code [\d.]+ [\s\S]*✓ The daemon \(process \d+\) is connected to/,
  )
  assert.doesNotMatch(doctor.text, /✗/)
  await terminal.begin('fd logs -f -n 3')
  await terminal.shows(/info +connected/)

  const other = await terminal.screen()
  assert.doesNotMatch(other, /"level"/)
  await terminal.press('C-c')
  assert.equal((await terminal.over()).code, 130)

  const pid = /process (\d+)/.exec(status.text)?.[1]
  const restart = await terminal.run('fd restart')
  assert.equal(restart.code, 0, restart.text)
  const again = await terminal.run('fd status')
  assert.match(again.text, /answers in/)
  assert.notEqual(/process (\d+)/.exec(again.text)?.[1], pid)
  const stop = await terminal.run('fd stop')
  assert.equal(stop.code, 0, stop.text)
  assert.equal((await server.over()).code, 0)
  const none = await terminal.run('fd status')
  assert.equal(none.code, 4)
  assert.match(none.text, /error: No daemon is running[\s\S]*→ Start a daemon with/)
})

test('hub and daemon run separately, each in a terminal', async (t) => {
  const { stage } = await claudeStage(t)
  const [hub, daemon, terminal] = [
    await Terminal.open(t, stage),
    await Terminal.open(t, stage),
    await Terminal.open(t, stage),
  ]
  const port = await freePort()
  await hub.begin(`fd hub --port ${port} --data-dir ${join(stage.dir, 'h')}`)
  await hub.shows(/Hub: +http.*\nMachine key: +\S+\nUser key: +\S+/)
  const flags = `--server-url ws://127.0.0.1:${port} --key-file ${join(stage.dir, 'h/machine.key')}`
  // Without a command, the program runs the default command.
  await daemon.begin(`fd ${flags}`)
  await daemon.shows(/info +connected/)
  const second = await terminal.run(`fd run ${flags}`)
  assert.equal(second.code, 4)
  const { pid } = JSON.parse(readFileSync(join(stage.state, 'lock'), 'utf8'))
  assert.match(second.text, new RegExp(`already running on this state folder: process ${pid}\\.`))
  const list = await terminal.run(
    `fd machine list --hub http://127.0.0.1:${port} --hub-key-file ${join(stage.dir, 'h/user.key')}`,
  )
  assert.match(list.text, /for \d+ s/)
  await hub.press('C-c')
  assert.equal((await hub.over()).code, 0)
  await daemon.shows(/warn +not connected/)
  await daemon.press('C-c')
  assert.equal((await daemon.over()).code, 0)
})

test('the help explains commands, and the error about a mistyped command has a suggestion', async (t) => {
  const { stage } = await claudeStage(t)
  const terminal = await Terminal.open(t, stage)
  const help = await terminal.run('fd --help')
  assert.equal(help.code, 0)
  assert.match(help.text, /Examples:\n[\s\S]*Environment:\n[\s\S]*Exit codes:\n/)
  assert.match((await terminal.run('fd agent start --help')).text, /--permission-mode <mode>[\s\S]*Examples:/)
  const slip = await terminal.run('fd agent strat')
  assert.equal(slip.code, 2)
  assert.match(slip.text, /error: unknown command 'strat'\n +→ Did you mean start\?/)
  assert.match((await terminal.run('fd --version')).text, /^\d+\.\d+\.\d+/)
})
