import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { readCommand } from '../../../../src/cli/policy/read-command.ts'
import { UserError } from '../../../../src/platform/errors.ts'
import { Limits } from '../../../../src/protocol/index.ts'
import { type Cleanup, tempDir } from '../../../support/temp.ts'

const read = (t: Cleanup, text: string) => {
  const path = join(tempDir(t), 'command.json')
  writeFileSync(path, text)
  return readCommand(path)
}

test('a command, a request for a new agent, and a bare specification are read with the defaults of the protocol', (t) => {
  const spec = { cwd: '/work', runtime: 'claude' }
  const start = { type: 'agent:start', command_id: 'explained', agent_id: 'explained', spec }
  assert.deepEqual(read(t, '{"cwd":"/work"}'), start)
  assert.deepEqual(read(t, '\n {"machine_id":"m","spec":{"cwd":"/work"}}'), start)
  assert.deepEqual(read(t, '{"type":"agent:start","spec":{"cwd":"/work"},"agent_id":"a-1"}'), {
    ...start,
    agent_id: 'a-1',
  })
  assert.deepEqual(read(t, '{"type":"daemon:update"}'), {
    type: 'daemon:update',
    command_id: 'explained',
    version: 'latest',
    allow_downgrade: false,
  })
})

test('any other text is refused, and so is a text that exceeds the limits of the protocol', (t) => {
  const deep = `{"cwd":"/work","mcp_servers":{"a":${'['.repeat(100_000)}${']'.repeat(100_000)}}}`
  const texts = {
    '{}': /spec\.cwd/,
    '[]': /spec: .*expected object/,
    '': /not a valid command/,
    '{"type":"agent:fly"}': /unknown type "agent:fly"/,
    '{"type":"link:ping","nonce":"n"}': /is not a command/,
    '{"cwd":"work"}': /spec\.cwd: must be an absolute path/,
    [deep]: /not a valid command/,
    ['{"cwd":"/work","title":"'.padEnd(Limits.frame_bytes + 1, 'x')]: /longer than/,
  }
  for (const [text, message] of Object.entries(texts))
    assert.throws(
      () => read(t, text),
      (error) => error instanceof UserError && error.exitCode === 2 && message.test(error.message),
      text.slice(0, 100),
    )
})
