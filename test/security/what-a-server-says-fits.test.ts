import assert from 'node:assert/strict'
import { test } from 'node:test'
import { runtimeOf } from '../../src/agents/checks.ts'
import { CommandFailure } from '../../src/agents/command-failure.ts'
import { claude } from '../../src/agents/runtimes/claude/index.ts'
import { runtimeText } from '../../src/cli/render/machine.ts'
import { CloseCode, PROTOCOL } from '../../src/protocol/index.ts'
import { connectLink, serveGreeted } from '../support/greeted.ts'
import { until } from '../support/wait.ts'

test('a welcome with a protocol version that the daemon does not speak is refused', async (t) => {
  for (const version of [PROTOCOL.version + 1, PROTOCOL.minimum - 1, -1, 999]) {
    let code: number | undefined
    const server = await serveGreeted(t, (socket) => {
      socket.on('close', (closed) => {
        code = closed
      })
      socket.send(JSON.stringify({ type: 'server:welcome', protocol: { version } }))
    })
    const refused: string[] = []
    let live = false
    const link = connectLink(t, server.url, {
      onWelcome: () => {
        live = true
        return []
      },
    })
    link.events.on('refused', ({ code }) => refused.push(code))
    await until(() => code !== undefined, { what: `the end of a connection with protocol ${version}` })
    assert.equal(code, CloseCode.protocol_version)
    assert.deepEqual(refused, ['protocol_version'])
    assert.equal(live, false)
    assert.match(link.info().last_error ?? '', new RegExp(`protocol ${version}`))
  }
})

test('a runtime is found only by its exact name', () => {
  for (const name of ['constructor', '__proto__', 'toString', 'hasOwnProperty'])
    assert.throws(
      () => runtimeOf({ claude }, name),
      (error) => error instanceof CommandFailure && error.error.code === 'runtime_unknown',
    )
  assert.equal(runtimeOf({ claude }, 'claude'), claude)
  assert.match(runtimeText({ name: 'constructor', found: false }), /^constructor is not on this machine/)
})
