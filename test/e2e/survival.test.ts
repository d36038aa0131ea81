import assert from 'node:assert/strict'
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import type { Outcome } from '../../src/protocol/index.ts'
import { claudeStage } from '../support/claude-stage.ts'
import { journalEvents, merged } from '../support/journal.ts'
import { mock } from '../support/messages-script.ts'
import { RUN, type Running, type Stage } from '../support/stage.ts'
import { until } from '../support/wait.ts'

/** Checks that the hub has everything that the agent wrote, once and in order. */
async function complete(stage: Stage, agent: string) {
  const written = journalEvents(stage.state, agent)
  const last = written.at(-1)!
  await stage.eventually(agent, last.kind, ({ offset }) => offset === last.offset)
  assert.deepEqual(merged(await stage.events(agent)), merged(journalEvents(stage.state, agent)))
}

async function kill(running: Running) {
  running.kill('SIGKILL')
  await running.ended
}

test('an agent finishes its turn while its daemon is killed, and every event arrives once', async (t) => {
  const { stage } = await claudeStage(t)
  await stage.hub()
  const first = await stage.daemon()
  const agent = await stage.start({ prompt: mock([{ text: 'word ', repeat: 60, every: 20 }]) })
  const { pid } = await stage.agent(agent)
  await stage.eventually(agent, 'text_delta')
  await kill(first)
  await until(() => journalEvents(stage.state, agent).some(({ kind }) => kind === 'turn_result'), {
    what: 'the end of the turn while no daemon is running',
  })
  await stage.daemon()
  const idle = await stage.agentIs(agent, 'idle')
  assert.equal(idle.pid, pid)
  assert.equal(idle.run, 1)
  await complete(stage, agent)
})

test('a hub that is killed during a turn loses and duplicates nothing', async (t) => {
  const { stage } = await claudeStage(t)
  const hub = await stage.hub()
  await stage.daemon()
  const agent = await stage.start({ prompt: mock([{ text: 'word ', repeat: 100, every: 20 }]) })
  await stage.eventually(agent, 'text_delta')
  await kill(hub)
  await stage.hub()
  await until(async () => (await stage.machine())?.connected)
  await stage.eventually(agent, 'turn_result')
  await stage.agentIs(agent, 'idle')
  await complete(stage, agent)
})

test('a permission request outlives the daemon and the hub, and the late answer takes effect', async (t) => {
  const { stage } = await claudeStage(t)
  const hub = await stage.hub()
  const daemon = await stage.daemon()
  const agent = await stage.start({
    prompt: mock([{ tool: 'Bash', input: { command: 'touch late.txt' } }], [{ text: 'ok' }]),
  })
  const asked = await stage.eventually(agent, 'permission_request')
  await kill(daemon)
  await kill(hub)
  await stage.hub()
  await stage.daemon()
  const waiting = await stage.agentIs(agent, 'waiting')
  assert.equal(waiting.pending[0]?.request_id, asked.request_id)
  const command_id = 'answer-1'
  const decide = () =>
    stage.command(agent, 'permission', { command_id, request_id: asked.request_id, decision: 'allow' })
  assert.equal((await decide()).state, 'succeeded')
  // A repeated command gets the same answer.
  assert.equal((await decide()).state, 'succeeded')
  await stage.agentIs(agent, 'idle')
  assert.ok(existsSync(join(stage.cwd, 'late.txt')))
  await complete(stage, agent)
})

test('commands that are sent while no daemon is running are carried out once by the next daemon', async (t) => {
  const { stage } = await claudeStage(t)
  await stage.hub()
  const daemon = await stage.daemon()
  const agent = await stage.start()
  await kill(daemon)
  const content = mock([{ text: 'for later' }])
  const queued = await stage.api<Outcome>('POST', `/api/agents/${agent}/prompt?wait=0`, {
    command_id: 'p1',
    content,
  })
  assert.equal(queued.state, 'pending')
  await stage.daemon()
  await stage.eventually(agent, 'turn_result')
  const outcome = await stage.api<Outcome>('GET', '/api/commands/p1?wait=5')
  assert.equal(outcome.state, 'succeeded')
  const prompts = (await stage.events(agent)).filter(({ kind }) => kind === 'user')
  assert.equal(prompts.length, 1)
})

test('an agent that ended while no daemon ran is reported with its real exit code', async (t) => {
  const { stage } = await claudeStage(t)
  await stage.hub()
  const daemon = await stage.daemon()
  const agent = await stage.start()
  const { pid } = await stage.agent(agent)
  await kill(daemon)
  process.kill(pid!, 'SIGTERM')
  await until(() => existsSync(join(stage.state, 'agents', agent, 'exit.json')))
  await stage.daemon()
  const ended = await stage.agentIs(agent, 'exited')
  assert.equal(ended.exit?.code, 143)
  assert.equal(ended.exit?.signal, 'SIGTERM')
  await complete(stage, agent)
})

test('daemon:restart keeps the agents, and the new daemon adopts them', async (t) => {
  const { stage } = await claudeStage(t)
  await stage.hub()
  const daemon = await stage.daemon({ FOMULAR_DAEMON_NO_SELF_RELAUNCH: '1' })
  const agent = await stage.start({ prompt: mock([{ text: 'word ', repeat: 50, every: 20 }]) })
  const { pid } = await stage.agent(agent)
  const machine = await stage.machine()
  const outcome = await stage.api<Outcome>('POST', `/api/machines/${machine!.machine_id}/restart`)
  assert.equal(outcome.state, 'succeeded')
  assert.equal(outcome.result?.restart_strategy, 'supervisor_required')
  assert.equal(await daemon.ended, 75)
  await stage.daemon()
  await stage.eventually(agent, 'turn_result')
  assert.equal((await stage.agentIs(agent, 'idle')).pid, pid)
  await complete(stage, agent)
})

test('without a supervisor, the daemon restarts itself', async (t) => {
  const { stage } = await claudeStage(t)
  await stage.hub()
  const daemon = await stage.daemon()
  const agent = await stage.start()
  const before = await stage.machine()
  const outcome = await stage.api<Outcome>('POST', `/api/machines/${before!.machine_id}/restart`)
  assert.equal(outcome.result?.restart_strategy, 'self')
  assert.equal(await daemon.ended, 0)
  await until(async () => {
    const machine = await stage.machine()
    return machine?.connected && machine.since !== before!.since
  })
  assert.equal(
    (await stage.command(agent, 'prompt', { content: mock([{ text: 'there you are' }]) })).state,
    'succeeded',
  )
  await stage.eventually(agent, 'turn_result')
})

test('a daemon whose working directory was deleted restarts itself, and a new daemon can be started in the deleted directory', async (t) => {
  const { stage } = await claudeStage(t)
  await stage.hub()
  const folder = join(stage.dir, 'gone')
  mkdirSync(folder)
  const from = ['/bin/sh', '-c', 'cd "$0" && rmdir "$0" && exec "$@"', folder]
  const daemon = stage.run(stage.daemonArgs(), {}, [...from, ...RUN])
  await until(async () => (await stage.machine())?.connected)
  const before = (await stage.machine())!
  await stage.api('POST', `/api/machines/${before.machine_id}/restart`, {})
  await until(async () => {
    const machine = (await stage.machine())!
    return machine.connected && machine.since !== before.since
  })
  assert.equal(await daemon.ended, 0)
})

test('`up` keeps its state folder over several restarts after its working directory was deleted', async (t) => {
  const { stage } = await claudeStage(t)
  const folder = join(stage.dir, 'gone/deep')
  mkdirSync(folder, { recursive: true })
  // The relative path of the state folder leads through the deleted folder.
  const args = ['up', '--port', String(stage.port), '--state-dir', '../../gone/../state']
  const from = ['/bin/sh', '-c', 'cd "$0" && exec "$@"', folder]
  const machineId = async () => (await stage.machine().catch(() => undefined))?.machine_id
  const env = { FOMULAR_STATE_DIR: '' }
  const up = stage.run(args, env, [...from, ...RUN])
  const id = await until(machineId, { what: 'up' })
  const agent = await stage.start()
  rmSync(join(stage.dir, 'gone'), { recursive: true })
  await stage.renew()
  await stage.renew()
  assert.equal(await machineId(), id)
  await stage.agentIs(agent, 'idle')
  up.kill('SIGTERM')
  assert.equal(await up.ended, 0, up.log())
})

test('a daemon that gets a stop signal while it waits to restart itself stops together with its agents', async (t) => {
  const { stage } = await claudeStage(t)
  const hub = await stage.hub()
  const daemon = await stage.daemon()
  const agent = await stage.start()
  // The daemon waits a while for the last acknowledgment of a server that does not answer.
  hub.kill('SIGSTOP')
  stage.run(['restart'])
  await until(() => daemon.log().includes('restarting'))
  daemon.kill('SIGTERM')
  await until(() => daemon.log().includes('stopping'))
  hub.kill('SIGCONT')
  assert.equal(await daemon.ended, 0)
  assert.ok(existsSync(join(stage.state, 'agents', agent, 'exit.json')))
  assert.ok(!existsSync(join(stage.state, 'lock')))
})

test('a second daemon on the same state folder does not start, and its error names the pid of the first daemon', async (t) => {
  const { stage } = await claudeStage(t)
  await stage.hub()
  const first = await stage.daemon()
  const second = stage.run(['run', '--key-file', join(stage.state, 'hub/machine.key')])
  assert.equal(await second.ended, 4)
  assert.match(second.log(), new RegExp(`process ${first.pid}`))
})

test('damaged state files are renamed and reported, and the daemon starts', async (t) => {
  const { stage } = await claudeStage(t)
  await stage.hub()
  const daemon = await stage.daemon()
  const good = await stage.start()
  const bad = await stage.start()
  await kill(daemon)
  writeFileSync(join(stage.state, 'machine.json'), '{"version":1,')
  writeFileSync(join(stage.state, 'agents', bad, 'spec.json'), 'nonsense')
  writeFileSync(join(stage.state, 'agents', good, 'cursor.json'), '\0\0\0')
  writeFileSync(join(stage.state, 'ledger.jsonl'), '\n{"version":1,"resu')
  await stage.daemon()
  const names = [...readdirSync(stage.state), ...readdirSync(join(stage.state, 'agents'))]
  assert.equal(names.filter((name) => name.includes('.damaged-')).length, 2)
  const { machines } = await stage.api<{
    machines: { connected: boolean; status: { problems: { code: string }[] } }[]
  }>('GET', '/api/machines')
  const now = machines.find(({ connected }) => connected)
  assert.ok(now?.status.problems.some(({ code }) => code === 'state_damaged'))
})

test('state from a newer version is refused with a clear message and left unchanged', async (t) => {
  const { stage } = await claudeStage(t)
  await stage.hub()
  const daemon = await stage.daemon()
  daemon.kill('SIGTERM')
  await daemon.ended
  const newer = '{"version":2,"surprise":true}'
  writeFileSync(join(stage.state, 'machine.json'), newer)
  const refused = stage.run(['run', '--key-file', join(stage.state, 'hub/machine.key')])
  assert.notEqual(await refused.ended, 0)
  assert.match(refused.log(), /newer version/)
  assert.equal(readFileSync(join(stage.state, 'machine.json'), 'utf8'), newer)
})
