// Needs: git, python3, root, mount, fallocate
import assert from 'node:assert/strict'
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { execa } from 'execa'
import type { Activity, Event } from '../../src/protocol/index.ts'
import { earlierCommand } from '../support/earlier-release.ts'
import { fakeStage } from '../support/fake-agent.ts'
import { LightServer } from '../support/light-server.ts'
import { machineFolder } from '../support/machine-folder.ts'
import { PythonServer } from '../support/python-server.ts'
import { SmallDisk } from '../support/small-disk.ts'
import { freePort, RUN, type Stage } from '../support/stage.ts'
import { until } from '../support/wait.ts'

// These tests restore a machine's state folder from a backup, while the server has more data than the backup.

const textsOf = (events: Event[]) =>
  events.flatMap((event) =>
    event.kind === 'text' ? [event.text] : event.kind === 'set_back' ? ['(set back)'] : [],
  )

test('after a restored backup, the server keeps the old history and gets all new events', async (t) => {
  const stage = await fakeStage(t)
  const folder = machineFolder(stage)
  await stage.hub()
  let daemon = await stage.daemon()
  const id = await stage.start({ prompt: 'first' })
  await stage.eventually(id, 'turn_result')
  daemon.kill('SIGTERM')
  assert.equal(await daemon.ended, 0)
  folder.save()

  daemon = await stage.daemon()
  await stage.command(id, 'resume', { prompt: 'emit 40 400' })
  await stage.eventually(id, 'text', ({ text }) => text.startsWith('39 '))
  daemon.kill('SIGTERM')
  await daemon.ended
  const before = await stage.events(id)
  folder.restore()

  // The daemon records its restart and the agent's end before it is connected to a server.
  daemon = await stage.daemon()
  assert.equal((await stage.command(id, 'resume', { prompt: 'second' })).state, 'succeeded')
  await stage.eventually(id, 'turn_result', () => true, before.length)
  await stage.command(id, 'prompt', { content: 'third' })
  await stage.eventually(id, 'text', ({ text }) => text === 'third')
  const after = await stage.events(id)
  assert.deepEqual(after.slice(0, before.length), before)
  assert.deepEqual(textsOf(after.slice(before.length)), ['(set back)', 'second', 'third'])
  const places = after.map(({ offset, index }) => `${offset}.${index}`)
  assert.equal(new Set(places).size, places.length)
  assert.deepEqual(
    after.map(({ offset }) => offset),
    after.map(({ offset }) => offset).sort((a, b) => a - b),
  )
  assert.ok((await stage.agent(id)).journal)

  const { stdout: log } = await execa(RUN[0], [...RUN.slice(1), 'agent', 'log', id], { env: stage.env })
  assert.match(log, /\n39 [\s\S]*! The machine has lost this history from byte \d+ on[\s\S]*\nsecond/)
  // Reads from the old end of the history, as a reconnecting client would.
  const last = places[before.length - 1]!
  const { events } = await stage.api<{ events: Event[] }>('GET', `/api/agents/${id}/events?after=${last}`)
  assert.equal(events[0]?.kind, 'set_back')

  daemon.kill('SIGTERM')
  await daemon.ended
  await stage.daemon()
  await stage.command(id, 'resume', { prompt: 'fourth' })
  await stage.eventually(id, 'text', ({ text }) => text === 'fourth')
  assert.deepEqual(textsOf((await stage.events(id)).slice(before.length)), [
    '(set back)',
    'second',
    'third',
    'fourth',
  ])
})

test('if the disk is full after a backup was restored, the server gets the new events later, and no event again', async (t) => {
  const disk = new SmallDisk(t, 300)
  const stage = await fakeStage(t)
  symlinkSync(disk.path, stage.state)
  mkdirSync(join(stage.dir, 'hub'))
  symlinkSync(join(stage.dir, 'hub'), join(stage.state, 'hub'))
  const folder = machineFolder(stage)
  let hub = await stage.hub()
  let daemon = await stage.daemon()
  const id = await stage.start({ prompt: 'first' })
  await stage.eventually(id, 'turn_result')
  daemon.kill('SIGTERM')
  await daemon.ended
  folder.save()
  daemon = await stage.daemon()
  await stage.command(id, 'resume', { prompt: 'second' })
  await stage.eventually(id, 'text', ({ text }) => text === 'second')
  daemon.kill('SIGTERM')
  await daemon.ended
  const before = await stage.events(id)
  hub.kill('SIGKILL')
  await hub.ended
  folder.restore()

  daemon = stage.run(stage.daemonArgs())
  await until(() => daemon.log().includes('ECONNREFUSED'), { what: 'a daemon without a hub' })
  disk.fill()
  hub = await stage.hub()
  await until(() => daemon.log().includes('cannot continue the journal'), { what: 'the full disk' })
  disk.clear()
  assert.deepEqual(await stage.events(id), before)
  await stage.renew(async () => {
    hub.kill('SIGKILL')
    await hub.ended
    await stage.hub()
  })
  assert.equal((await stage.command(id, 'resume', { prompt: 'third' })).state, 'succeeded')
  await stage.eventually(id, 'text', ({ text }) => text === 'third')
  const after = await stage.events(id)
  assert.deepEqual(after.slice(0, before.length), before)
  assert.deepEqual(textsOf(after.slice(before.length)), ['(set back)', 'third'])
})

test('a server written in Python keeps both histories, even if the server’s folder is also restored', async (t) => {
  const stage = await fakeStage(t)
  const folder = machineFolder(stage)
  const disk = join(stage.dir, 'server')
  mkdirSync(disk)
  const key = join(stage.dir, 'key')
  writeFileSync(key, 'a-key', { mode: 0o600 })
  const port = await freePort()
  const args = ['run', '--server-url', `ws://127.0.0.1:${port}`, '--key-file', key]
  let server = new PythonServer(port, 'a-key', disk)
  t.after(() => server.end())
  const agent_id = 'worker'
  const path = join(disk, 'worker.jsonl')
  const frames = () =>
    (existsSync(path) ? readFileSync(path, 'utf8') : '')
      .split('\n')
      .slice(0, -1)
      .map((line) => JSON.parse(line) as Activity)
  const texts = () => textsOf(frames().flatMap(({ events }) => events as Event[]))
  const stop = async (daemon: ReturnType<Stage['run']>) => {
    daemon.kill('SIGTERM')
    assert.equal(await daemon.ended, 0)
  }

  let daemon = stage.run(args)
  await server.hears('machine:hello')
  server.order({ type: 'agent:start', agent_id, spec: { cwd: stage.cwd, prompt: 'first' } })
  await until(() => texts().includes('first'), { what: 'first' })
  await stop(daemon)
  folder.save()
  daemon = stage.run(args)
  server.order({ type: 'agent:resume', agent_id, prompt: 'emit 40 400' })
  await until(() => texts().length === 41, { what: 'all of it' })
  await stop(daemon)
  folder.restore()
  daemon = stage.run(args)
  server.order({ type: 'agent:resume', agent_id, prompt: 'second' })
  await until(() => texts().includes('second'), { what: 'second' })
  assert.deepEqual(texts().slice(41), ['(set back)', 'second'])
  for (const [n, { from }] of frames().entries()) assert.equal(from, frames()[n - 1]?.to ?? 0)
  assert.ok(frames().at(-1)?.journal)

  // The server's file now ends in the middle of a line.
  await server.end()
  const all = frames()
  const spoilt = { ...all[0]!, to: all[0]!.to - 1 }
  writeFileSync(path, `${JSON.stringify(spoilt)}\n`)
  server = new PythonServer(port, 'a-key', disk)
  await server.hears('protocol:error', ({ path }) => path === `offsets.${agent_id}`)
  await until(() => texts().includes('second'), { what: 'the whole history again' })
  assert.deepEqual(texts(), ['first', '(set back)', 'second'])
  assert.equal(readdirSync(disk).length, 2)
  await stop(daemon)
})

test('a restored backup also works if the daemon or the hub runs an older version before or after the restore', async (t) => {
  const stage = await fakeStage(t)
  const later = stage.daemonCommand
  const folder = machineFolder(stage)
  const old = await earlierCommand(stage.dir)
  const hub = await stage.hub(old)
  const run = async (command: string[], ...prompts: string[]) => {
    stage.daemonCommand = command
    const daemon = await stage.daemon()
    for (const prompt of prompts) {
      const from = (await stage.events(id)).length
      assert.equal((await stage.command(id, 'resume', { prompt })).state, 'succeeded')
      await stage.eventually(id, 'turn_result', () => true, from)
      assert.equal((await stage.command(id, 'stop')).state, 'succeeded')
    }
    daemon.kill('SIGTERM')
    assert.equal(await daemon.ended, 0)
  }
  const texts = async () => textsOf(await stage.events(id))

  stage.daemonCommand = old
  const daemon = await stage.daemon()
  const id = await stage.start({ prompt: 'first' })
  await stage.eventually(id, 'turn_result')
  daemon.kill('SIGTERM')
  await daemon.ended
  folder.save()
  await run(old, 'lost with the earlier hub')
  folder.restore()
  await run(later, 'second')
  assert.deepEqual(await texts(), ['first', 'second'])
  hub.kill('SIGTERM')
  await hub.ended

  await stage.hub()
  folder.save()
  await run(later, 'third')
  folder.restore()
  await run(later, 'fourth')
  await run(old, 'fifth')
  await run(later, 'sixth')
  const expected = ['first', 'second', 'third', '(set back)', 'fourth', 'fifth', 'sixth']
  assert.deepEqual(await texts(), expected)

  folder.restore()
  await run(old, 'seventh', 'eighth')
  await run(later, 'ninth')
  assert.deepEqual(await texts(), [...expected, '(set back)', 'seventh', 'eighth', 'ninth'])
  const places = (await stage.events(id)).map(({ offset, index }) => `${offset}.${index}`)
  assert.equal(new Set(places).size, places.length)
})

test('two daemons with copies of one state folder both report the copy, with a remedy', async (t) => {
  const stage = await fakeStage(t)
  const server = await LightServer.open(t)
  server.daemon(stage)
  const first = await server.caller()
  const hello = await first.welcome()
  const copy = join(stage.dir, 'copy')
  cpSync(stage.state, copy, {
    recursive: true,
    filter: (path) => !/\/(daemon\.sock|lock)$|\.tmp$/.test(path),
  })
  server.daemon(stage, { FOMULAR_STATE_DIR: copy })
  const second = await server.caller(2)
  assert.equal((await second.welcome()).machine_id, hello.machine_id)
  first.send({ type: 'server:refuse', code: 'superseded', message: 'Another daemon connected: build-8.' })
  await first.ended()
  const shown = (dir: string, command: string) =>
    execa(RUN[0], [...RUN.slice(1), command], {
      env: { ...stage.env, FOMULAR_STATE_DIR: dir },
      reject: false,
    }).then(({ stdout }) => stdout)
  const ofCopy = await shown(copy, 'status')
  assert.ok(ofCopy.includes(`is a copy of ${stage.state}`), ofCopy)
  assert.match(ofCopy, /delete machine\.json, agents and ledger\.jsonl/)
  const ofFirst = await shown(stage.state, 'status')
  assert.match(ofFirst, /Another daemon connected: build-8\. This daemon stays disconnected/)
  assert.match(await shown(stage.state, 'doctor'), /Another daemon connected[\s\S]*restart/)
})
