import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { CommandFailure } from '../../../src/agents/command-failure.ts'
import { Dispatcher } from '../../../src/daemon/dispatcher.ts'
import { Gate } from '../../../src/daemon/gate.ts'
import { refusalsOfCommand } from '../../../src/policy/command-refusals.ts'
import { PolicyFile } from '../../../src/policy/schema.ts'
import { AgentSpec, type Command, type CommandResult } from '../../../src/protocol/index.ts'
import { commandContext } from '../../support/command-context.ts'
import { memoryLog } from '../../support/memory-log.ts'
import { shellAgents } from '../../support/shell-agents.ts'
import { tempDir } from '../../support/temp.ts'
import { until } from '../../support/wait.ts'

/** Script of a gate that permits each command after the test has called `decide`. */
const AFTER_DECIDE = 'until [ -e "$0.decide" ]; do sleep 0.05; done'
/** Script of a gate that never decides. */
const NEVER = 'sleep 600'

/** Returns a policy with a gate that records each command in a file. */
function gateOf(t: TestContext, script: string, rest: object = {}) {
  const dir = tempDir(t)
  const program = join(dir, 'gate')
  const seen = join(dir, 'seen')
  writeFileSync(program, `#!/bin/sh\ncat >> ${seen}\n${script}\n`, { mode: 0o700 })
  const policy = PolicyFile.parse({ version: 1, gate: { program, timeout_s: 60 }, ...rest })
  return {
    policy,
    program,
    decide: () => writeFileSync(`${program}.decide`, ''),
    commands: () => (existsSync(seen) ? readFileSync(seen, 'utf8').split('\n').length - 1 : 0),
  }
}

/** A daemon with one agent. @param rest further keys of the policy */
async function machine(t: TestContext, script: string, rest: object = {}) {
  const it = shellAgents(t)
  assert.equal(await it.start('a', {}).result, 'started')
  const { policy, commands, decide } = gateOf(t, script, rest)
  const { logger } = memoryLog()
  const gate = new Gate(logger)
  const results = new Map<string, CommandResult>()
  const take = (result: CommandResult) => void results.set(result.command_id, result)
  const dispatcher = new Dispatcher({
    context: commandContext(it.agents, {
      checkPolicy: async (command, wait) => {
        const [refusal] = refusalsOfCommand(policy, command)
        if (refusal) throw new CommandFailure('policy', refusal.message)
        await gate.check(command, policy, wait)
      },
    }),
    admit: (command) => ({ command }),
    answers: {
      repeat: () => false,
      send: take,
      give: async (result: CommandResult) => take(result),
    } as never,
    logger,
  })
  const order = (command_id: string, type: string, body: object = {}) =>
    dispatcher.take({ type, command_id, agent_id: 'a', ...body } as Command)
  const codeOf = (id: string) => {
    const result = results.get(id)
    return result && (result.ok ? 'ok' : result.error.code)
  }
  const inputs: string[] = []
  it.agents.get('a').inbox.events.on('put', ({ kind }) => inputs.push(kind))
  return { ...it, order, codeOf, commands, decide, inputs }
}

const STOPS = [
  ['agent:stop', {}],
  ['agent:interrupt', { cancel_queued: true }],
  ['agent:remove', { force: true }],
] as const

for (const [type, body] of STOPS)
  test(`${type} does not wait until the gate has decided about earlier commands, but makes the daemon refuse these commands`, async (t) => {
    const { order, codeOf, commands } = await machine(t, NEVER)
    for (const id of ['p1', 'p2', 'p3']) order(id, 'agent:prompt', { content: id })
    await until(() => commands() === 1)
    order('end', type, body)
    await until(() => codeOf('end') === 'ok' || codeOf('p3'))
    for (const id of ['p1', 'p2', 'p3']) assert.equal(await until(() => codeOf(id)), 'interrupted')
    await until(() => codeOf('end'))
    assert.equal(commands(), 1)
  })

for (const [type, body] of STOPS)
  test(`if the policy refuses ${type}, the gate still decides about earlier commands`, async (t) => {
    const it = await machine(t, AFTER_DECIDE, { commands: { deny: [type] } })
    it.order('p1', 'agent:prompt', { content: 'p1' })
    await until(() => it.commands() === 1)
    it.order('end', type, body)
    assert.equal(await until(() => it.codeOf('end')), 'policy')
    it.decide()
    assert.equal(await until(() => it.codeOf('p1')), 'ok')
  })

test('an interrupt does not wait until the gate has decided about earlier commands, which are carried out later', async (t) => {
  const { order, codeOf, commands, decide, inputs } = await machine(t, AFTER_DECIDE)
  for (const id of ['p1', 'p2']) order(id, 'agent:prompt', { content: id })
  await until(() => commands() === 1)
  for (const id of ['i1', 'i2']) order(id, 'agent:interrupt', { cancel_queued: false })
  order('p3', 'agent:prompt', { content: 'p3' })
  await until(() => codeOf('i1') === 'ok' && codeOf('i2') === 'ok')
  assert.equal(codeOf('p1'), undefined)
  decide()
  for (const id of ['p1', 'p2', 'p3']) assert.equal(await until(() => codeOf(id)), 'ok')
  assert.deepEqual(inputs, ['control', 'control', 'prompt', 'prompt', 'prompt'])
})

test('an interrupt that arrives together with an earlier prompt does not wait for the gate', async (t) => {
  const { order, codeOf } = await machine(t, NEVER)
  order('p1', 'agent:prompt', { content: 'p1' })
  order('i1', 'agent:interrupt', { cancel_queued: false })
  assert.equal(await until(() => codeOf('i1')), 'ok')
  order('end', 'agent:stop')
  assert.equal(await until(() => codeOf('p1')), 'interrupted')
})

for (const [type, body] of [
  ['agent:start', { agent_id: 'b', spec: AgentSpec.parse({ cwd: tmpdir() }) }],
  ['agent:resume', { agent_id: 'a' }],
] as const)
  test(`an interrupt waits until the gate has decided about an earlier ${type}`, async (t) => {
    const { agents, order, codeOf, commands, decide } = await machine(t, AFTER_DECIDE)
    await agents.stop(agents.get('a'), { commandId: 'stop', graceS: 0 })
    order('begin', type, body)
    await until(() => commands() === 1)
    order('i1', 'agent:interrupt', { ...body, cancel_queued: false })
    decide()
    for (const id of ['begin', 'i1']) assert.equal(await until(() => codeOf(id)), 'ok')
  })

test('without a gate, an interrupt also concerns the prompts that arrived just before it', async (t) => {
  const { order, codeOf, inputs } = await machine(t, NEVER, { gate: undefined })
  for (const id of ['p1', 'p2']) order(id, 'agent:prompt', { content: id })
  order('i1', 'agent:interrupt', { cancel_queued: false })
  assert.equal(await until(() => codeOf('i1')), 'ok')
  assert.deepEqual(inputs, ['prompt', 'prompt', 'control'])
})

test('if no descriptor is free to run the gate, the command is refused, and the daemon keeps running', (t) => {
  const { program } = gateOf(t, 'exit 0')
  const script = `
    import { openSync } from 'node:fs'
    import { Gate } from ${JSON.stringify(new URL('../../../src/daemon/gate.ts', import.meta.url).href)}
    const gate = new Gate({ error: () => {} })
    const command = { type: 'daemon:restart', command_id: 'c' }
    const policy = { gate: { program: ${JSON.stringify(program)}, timeout_s: 5 } }
    await gate.check(command, policy)
    try { for (;;) openSync('/dev/null') } catch {}
    await gate.check(command, policy).then(
      () => console.log('permitted'),
      (error) => console.log(error.error.code, error.error.path),
    )`
  const { stdout, status } = spawnSync(
    '/bin/sh',
    ['-c', 'ulimit -n 200; exec "$0" --input-type=module -e "$1"', process.execPath, script],
    { encoding: 'utf8' },
  )
  assert.deepEqual([stdout.trim(), status], ['policy gate', 0])
})
