import assert from 'node:assert/strict'
import { mkdirSync, readFileSync, rmdirSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { type CommandMemory, HUB_LIMITS } from '../../../../src/config/hub-limits.ts'
import { CommandQueue } from '../../../../src/hub/registry/command-queue.ts'
import { CommandFile } from '../../../../src/hub/store/files/command-file.ts'
import { createLogger } from '../../../../src/platform/log.ts'
import { AgentSpec, type Outcome } from '../../../../src/protocol/index.ts'
import { ManualClock } from '../../../support/manual-clock.ts'
import { tempDir } from '../../../support/temp.ts'

const logger = createLogger({ level: 'silent', stderr: 'none' })
const HOUR_MS = 3_600_000

/** Returns the command queue of a hub whose machines are not connected. The queue is stored in a file. */
async function commandsIn(path: string, memory: Partial<CommandMemory> = {}, clock = new ManualClock()) {
  const commands = new CommandQueue({
    store: new CommandFile({ path, logger }),
    machines: { link: () => undefined },
    people: { isGone: () => false },
    memory: { ...HUB_LIMITS.memory, ...memory },
    clock,
    logger,
  })
  await commands.load()
  return {
    commands,
    give: (command_id: string, content = 'x', by = 'alice', machine = 'm') =>
      commands.submit(machine, { type: 'agent:prompt', command_id, agent_id: 'a', content, by }),
    stop: (command_id: string, by: string, machine: string) =>
      commands.submit(machine, { type: 'agent:stop', command_id, agent_id: 'a', by }),
    answer: (command_id: string) =>
      commands.onResult('m', { type: 'agent:prompt:result', command_id, ok: true, prompt_id: command_id }),
    known: (ids: string[]) => ids.filter((id) => commands.get(id)),
  }
}

const fileIn = (t: TestContext) => join(tempDir(t), 'commands.jsonl')
const named = (count: number) => Array.from({ length: count }, (_, n) => `c${n + 1}`)

test('a hub over its limit forgets the oldest outcomes, but no command without an outcome', async (t) => {
  const path = fileIn(t)
  const bytes = 4000
  const hub = await commandsIn(path, { bytes })
  const ids = named(100)
  for (const id of ids) await hub.give(id)
  // The commands between the first and the last are answered in a different order.
  const answered = ids.slice(1, 99).reverse()
  for (const id of answered) hub.answer(id)
  const remembered = answered.filter((id) => hub.commands.get(id))
  assert.ok(remembered.length > 10 && remembered.length < 50, String(remembered.length))
  assert.deepEqual(remembered, answered.slice(-remembered.length))
  assert.deepEqual(hub.known(['c1', 'c100']), ['c1', 'c100'])
  await hub.commands.close()

  // A hub that reads the file forgets the same outcomes, although the file still has all of them.
  const again = await commandsIn(path, { bytes })
  assert.deepEqual(again.known(ids), hub.known(ids))
  const more = await commandsIn(path)
  assert.deepEqual(more.known(ids), ids)
})

test('a hub remembers more than 10,000 commands', async (t) => {
  const path = fileIn(t)
  const ids = named(12_000)
  const line = (command_id: string) =>
    JSON.stringify({
      version: 1,
      type: 'agent:prompt',
      outcome: { command_id, machine_id: 'm', agent_id: 'a', state: 'succeeded' },
    })
  writeFileSync(path, ids.map((id) => `${line(id)}\n`).join(''))
  const hub = await commandsIn(path)
  await hub.give('last')
  hub.answer('last')
  assert.deepEqual(hub.known([...ids, 'last']), [...ids, 'last'])
  await hub.commands.close()
})

test('an expired outcome is forgotten, even after restarts and after the clock was ahead', async (t) => {
  const path = fileIn(t)
  const clock = new ManualClock()
  clock.jump(1000 * HOUR_MS)
  const memory = { age_ms: 10 * HOUR_MS }
  const first = await commandsIn(path, memory, clock)
  await first.give('waiting')
  for (const id of ['early', 'late']) {
    await first.give(id)
    first.answer(id)
    clock.pass(6 * HOUR_MS)
  }
  assert.deepEqual(first.known(['waiting', 'early', 'late']), ['waiting', 'early', 'late'])
  await first.commands.close()
  const second = await commandsIn(path, memory, clock)
  assert.deepEqual(second.known(['waiting', 'early', 'late']), ['waiting', 'late'])

  clock.jump(-100 * HOUR_MS)
  const third = await commandsIn(path, memory, clock)
  clock.pass(11 * HOUR_MS)
  await third.give('last')
  third.answer('last')
  assert.deepEqual(third.known(['waiting', 'late', 'last']), ['waiting', 'last'])
})

test('the time limit for commands of earlier hubs begins at the update, and earlier hubs can read new commands', async (t) => {
  const path = fileIn(t)
  const outcome = { command_id: 'c1', machine_id: 'm', agent_id: 'a', state: 'succeeded' }
  writeFileSync(path, `${JSON.stringify({ version: 1, type: 'agent:prompt', outcome })}\n`)
  const clock = new ManualClock()
  clock.jump(1000 * HOUR_MS)
  const hub = await commandsIn(path, {}, clock)
  assert.deepEqual(hub.commands.get('c1'), outcome)
  await hub.give('c2')
  hub.answer('c2')
  await hub.commands.close()
  const [, order, answer] = readFileSync(path, 'utf8').split('\n')
  assert.deepEqual(Object.keys(JSON.parse(order!)), ['version', 'machine_id', 'command'])
  // Earlier hubs ignore the field `at`.
  assert.deepEqual(Object.keys(JSON.parse(answer!)), ['version', 'type', 'outcome', 'at'])
})

test('the command file stays small under any load, and keeps pending commands', async (t) => {
  const path = fileIn(t)
  const hub = await commandsIn(path, { bytes: 1024 * 1024 })
  await hub.give('waiting', 'wait')
  const content = 'x'.repeat(1024 * 1024)
  let most = 0
  for (const id of named(40)) {
    await hub.give(id, content)
    hub.answer(id)
    most = Math.max(most, statSync(path).size)
  }
  await hub.commands.close()
  assert.ok(most < 18 * 1024 * 1024, `${most} bytes`)
  assert.ok(statSync(path).size < 16 * 1024 * 1024)
  const again = await commandsIn(path)
  assert.deepEqual(again.known(['waiting', ...named(40)]), ['waiting', ...named(40)])
})

test('the command file can be rewritten after the removal of a machine whose command could not be written', async (t) => {
  const path = fileIn(t)
  const hub = await commandsIn(path)
  mkdirSync(path)
  const refused = assert.rejects(hub.give('refused'), { status: 507 })
  hub.commands.abandon('m')
  await refused
  rmdirSync(path)
  assert.equal(hub.commands.get('refused')?.state, 'failed')
  const content = 'x'.repeat(1024 * 1024)
  for (const id of named(20)) {
    await hub.give(id, content)
    hub.answer(id)
  }
  await hub.commands.close()
  assert.ok(statSync(path).size < 10 * 1024 * 1024)
})

test('pending commands of one key for one machine do not block other keys or machines, even after a restart', async (t) => {
  const path = fileIn(t)
  const hub = await commandsIn(path)
  const busy = { status: 429, message: /Too many commands/ }
  await Promise.all(named(1000).map((id) => hub.give(id)))
  await assert.rejects(hub.give('one-more'), busy)
  await hub.give('of-another', 'x', 'bob')
  await hub.give('for-another', 'x', 'alice', 'm-2')
  await hub.commands.close()
  const again = await commandsIn(path)
  await assert.rejects(again.give('one-more'), busy)
  again.answer('c1')
  again.answer('c2')
  await again.give('one-more')

  const long = 'x'.repeat(24 * 1024 * 1024)
  await again.give('long', long, 'bob')
  await assert.rejects(again.give('another', long, 'bob'), busy)
  await again.give('short', 'x', 'bob')
  await again.give('of-a-third', long, 'carol')
  await again.give('elsewhere', 'x'.repeat(16 * 1024 * 1024), 'bob', 'm-2')
  await again.commands.close()
})

test('pending commands for silent machines never block commands for other machines or commands that stop agents', async (t) => {
  const hub = await commandsIn(fileIn(t))
  const fill = async (give: (id: string, key: string, machine: string) => Promise<unknown>) => {
    let taken = 0
    for (const key of ['a', 'b', 'c', 'd', 'e'])
      for (const machine of ['silent', 'away', 'slow']) {
        const asked = named(1001).map((id) => give(`${id}-${key}-${machine}`, key, machine))
        const count = (await Promise.allSettled(asked)).filter(({ status }) => status === 'fulfilled').length
        assert.ok(count > 0 && count <= 1000, `${count} of ${key} for ${machine}`)
        taken += count
      }
    return taken
  }
  const prompts = await fill((id, key, machine) => hub.give(id, 'x', key, machine))
  for (const machine of ['silent', 'good']) await hub.give(`last-${machine}`, 'x', 'admin', machine)
  const stops = await fill((id, key, machine) => hub.stop(`stop-${id}`, key, machine))
  for (const machine of ['silent', 'good']) await hub.stop(`last-stop-${machine}`, 'admin', machine)
  assert.ok(prompts < 4000 && stops < 4000, `${prompts}, ${stops}`)
  await hub.commands.close()
})

test('a command that its machine does not support fails, even if the machine connects while the command is stored', async (t) => {
  const sent: object[] = []
  let link: { capabilities: string[]; send(message: object): void } | undefined
  const commands = new CommandQueue({
    store: new CommandFile({ path: fileIn(t), logger }),
    machines: { link: () => link as never },
    people: { isGone: () => false },
    memory: HUB_LIMITS.memory,
    clock: new ManualClock(),
    logger,
  })
  await commands.load()
  const outcome = commands.submit('m', {
    type: 'agent:withdraw',
    command_id: 'c',
    agent_id: 'a',
    prompt_id: 'p',
  })
  link = { capabilities: ['agent:start'], send: (message) => sent.push(message) }
  assert.equal((await outcome).error?.code, 'unsupported')
  assert.deepEqual(sent, [])
  await commands.close()
})

test('the secrets of a command that is never sent are erased before any caller gets the outcome', async (t) => {
  const path = fileIn(t)
  let link: { capabilities: string[]; send(): void } | undefined
  const commands = new CommandQueue({
    store: new CommandFile({ path, logger }),
    machines: { link: () => link as never },
    people: { isGone: () => false },
    memory: HUB_LIMITS.memory,
    clock: new ManualClock(),
    logger,
  })
  await commands.load()
  const secretOnDisk = (outcome: Outcome | undefined) => [
    outcome?.error?.code,
    readFileSync(path, 'utf8').includes('very secret'),
  ]
  const spec = AgentSpec.parse({ cwd: '/', env: { TOKEN: 'very secret' }, worktree: {} })
  const order = { type: 'agent:start', command_id: 'c', agent_id: 'a', spec } as const
  const first = commands.submit('m', order)
  const again = commands.submit('m', order)
  const pending = commands.wait('c', 60_000, new AbortController().signal)
  link = { capabilities: ['agent:start'], send: () => {} }
  assert.deepEqual(await Promise.all([first, again, pending].map((outcome) => outcome.then(secretOnDisk))), [
    ['unsupported', false],
    ['unsupported', false],
    ['unsupported', false],
  ])
  await commands.close()
})
