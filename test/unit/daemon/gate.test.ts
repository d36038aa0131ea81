import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { Dispatcher } from '../../../src/daemon/dispatcher.ts'
import { Gate } from '../../../src/daemon/gate.ts'
import { PolicyFile } from '../../../src/policy/schema.ts'
import type { Command, CommandResult } from '../../../src/protocol/index.ts'
import { commandContext } from '../../support/command-context.ts'
import { memoryLog } from '../../support/memory-log.ts'
import { shellAgents } from '../../support/shell-agents.ts'
import { tempDir } from '../../support/temp.ts'
import { until } from '../../support/wait.ts'

/** Returns a policy with a gate that records each command in a file. */
function gateOf(t: TestContext, script: string) {
  const dir = tempDir(t)
  const program = join(dir, 'gate')
  const seen = join(dir, 'seen')
  writeFileSync(program, `#!/bin/sh\ncat >> ${seen}\n${script}\n`, { mode: 0o700 })
  const policy = PolicyFile.parse({ version: 1, gate: { program, timeout_s: 60 } })
  return {
    policy,
    program,
    commands: () => (existsSync(seen) ? readFileSync(seen, 'utf8').split('\n').length - 1 : 0),
  }
}

/** A daemon with one agent. The gate of the daemon never decides about prompts. */
async function machine(t: TestContext) {
  const it = shellAgents(t)
  assert.equal(await it.start('a', {}).result, 'started')
  const { policy, commands } = gateOf(t, 'sleep 600')
  const { logger } = memoryLog()
  const gate = new Gate(logger)
  const results = new Map<string, CommandResult>()
  const take = (result: CommandResult) => void results.set(result.command_id, result)
  const dispatcher = new Dispatcher({
    context: commandContext(it.agents, {
      checkPolicy: (command, overtaken) => gate.check(command, policy, overtaken),
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
  return { ...it, order, codeOf, commands }
}

for (const [type, body] of [
  ['agent:stop', {}],
  ['agent:interrupt', { cancel_queued: true }],
  ['agent:remove', { force: true }],
] as const)
  test(`${type} does not wait until the gate has decided about earlier commands, but makes the daemon refuse these commands`, async (t) => {
    const { order, codeOf, commands } = await machine(t)
    for (const id of ['p1', 'p2', 'p3']) order(id, 'agent:prompt', { content: id })
    await until(() => commands() === 1)
    order('end', type, body)
    await until(() => codeOf('end') === 'ok' || codeOf('p3'))
    for (const id of ['p1', 'p2', 'p3']) assert.equal(await until(() => codeOf(id)), 'interrupted')
    await until(() => codeOf('end'))
    assert.equal(commands(), 1)
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
