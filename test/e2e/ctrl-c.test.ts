// Needs: /usr/lib/*/libatomic.so.1
import assert from 'node:assert/strict'
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { nodeOf, oldestNode } from '../support/nodes.ts'
import { ScriptedHub } from '../support/scripted-hub.ts'
import { PROGRAM, Stage } from '../support/stage.ts'
import { Terminal } from '../support/terminal.ts'
import { until } from '../support/wait.ts'

// Commands that follow or wait end at the first Ctrl-C.

async function desk(t: TestContext) {
  const hub = await ScriptedHub.open(t)
  const stage = await Stage.open(t)
  Object.assign(stage.env, { FOMULAR_HUB_URL: hub.url, FOMULAR_HUB_KEY: 'key' })
  return { hub, stage }
}

const NODES = [
  ['the oldest Node', oldestNode],
  ['Node 20', () => nodeOf('20.20.2')],
  ['Node 22', () => nodeOf('22.23.2')],
  ['this Node', async () => process.execPath],
  ['Node 26', () => nodeOf('26.10.0')],
] as const

/** Collects garbage continually, and reports each collection on standard error. */
const COLLECT = `setInterval(() => { gc(); process.stderr.write('[collected]') }, 20).unref()`

for (const [name, node] of NODES)
  test(`on ${name}, the first SIGINT ends a command that follows an agent, even after a garbage collection`, async (t) => {
    const { hub, stage } = await desk(t)
    const hook = join(stage.dir, 'collect.cjs')
    writeFileSync(hook, COLLECT)
    const command = [await node(), '--expose-gc', '--require', hook, PROGRAM]
    for (const args of [
      ['agent', 'watch', 'a-1'],
      ['agent', 'watch', 'a-1', '--json'],
    ]) {
      const watch = stage.run(args, {}, command)
      const collected = () => watch.log().split('[collected]').length
      await until(() => hub.readers === 1, { what: 'the stream' })
      hub.says('hello'.repeat(200_000))
      await until(() => watch.log().includes('hello'), { what: 'the activity' })
      const before = collected()
      await until(() => collected() > before + 5, { what: 'collections' })
      watch.kill('SIGINT')
      assert.equal(await watch.ended, 130)
      await until(() => hub.readers === 0, { what: 'the end of the stream' })
    }
  })

test('Ctrl-C ends a command that runs npm, ends npm, and leaves no folder behind', async (t) => {
  const stage = await Stage.open(t)
  const temp = join(stage.dir, 'temp')
  const npm = join(stage.dir, 'npm')
  mkdirSync(temp)
  writeFileSync(npm, '#!/bin/sh\necho $$ > "$TMPDIR/pid"\nexec sleep 600\n', { mode: 0o755 })
  Object.assign(stage.env, { TMPDIR: temp, PATH: `${stage.dir}:${stage.env.PATH}` })
  for (const [args, signal, code] of [
    [['update', '--check'], 'SIGINT', 130],
    [['config'], 'SIGINT', 130],
    [['config'], 'SIGTERM', 143],
  ] as const) {
    const command = stage.run([...args])
    const pid = () => existsSync(join(temp, 'pid')) && Number(readFileSync(join(temp, 'pid'), 'utf8'))
    const asked = await until(pid, { what: 'npm' })
    command.kill(signal)
    assert.equal(await command.ended, code, command.log())
    await until(() => !existsSync(`/proc/${asked}`), { what: 'the end of npm' })
    rmSync(join(temp, 'pid'))
    assert.deepEqual(readdirSync(temp), [])
  }
})

test('SIGTERM and a closed terminal end a command that follows an agent', async (t) => {
  const { hub, stage } = await desk(t)
  for (const signal of ['SIGTERM', 'SIGHUP'] as const) {
    const watch = stage.run(['agent', 'watch', 'a-1'])
    await until(() => hub.readers === 1, { what: 'the stream' })
    watch.kill(signal)
    assert.equal(await watch.ended, signal)
  }
})

test('Ctrl-C at a question restores the terminal, both while the user types and while the hub has the answer', async (t) => {
  const { hub, stage } = await desk(t)
  const terminal = await Terminal.open(t, stage)
  const before = await terminal.run('stty -a')
  const asked = { request_id: 'r-1', ask: 'tool', tool: 'Bash', input: { command: 'ls' } } as const
  const watch = async () => {
    await terminal.begin('fd agent watch a-1')
    await until(() => hub.readers === 1, { what: 'the stream' })
    hub.status({ state: 'waiting', pending: [{ ...asked, suggestions: [] }] })
    await terminal.shows(/y yes, n no.*> $/)
  }
  await watch()
  await terminal.press('n', 'o', 't', 'C-c')
  assert.equal((await terminal.over()).code, 130)
  assert.deepEqual(hub.commands, [])
  await watch()
  await terminal.type('y')
  await until(() => hub.commands.length === 1, { what: 'the answer' })
  await terminal.press('C-c')
  assert.equal((await terminal.over()).code, 130)
  assert.deepEqual(await terminal.run('stty -a'), before)
})

test('Ctrl-C ends a command even if no process reads its output', async (t) => {
  const { hub, stage } = await desk(t)
  const terminal = await Terminal.open(t, stage)
  // Behaves like a pager that shows its first page.
  const pager = `(trap '' INT; read -r line; touch read; until [ -e shown ]; do sleep 0.1; done)`
  await terminal.begin(`(fd agent watch a-1; echo "code $?" > code) | ${pager}`)
  await until(() => hub.readers === 1, { what: 'the stream' })
  for (let lines = 0; lines < 500; lines++) hub.says('hello '.repeat(2000))
  await until(() => existsSync(join(stage.cwd, 'read')), { what: 'the first line' })
  await terminal.press('C-c')
  await until(() => existsSync(join(stage.cwd, 'code')), { what: 'the end of the command' })
  writeFileSync(join(stage.cwd, 'shown'), '')
  await terminal.over()
  assert.equal(readFileSync(join(stage.cwd, 'code'), 'utf8'), 'code 130\n')
})
