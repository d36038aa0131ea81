import assert from 'node:assert/strict'
import type { TestContext } from 'node:test'
import { Installation } from './installation.ts'
import { nodeWithNpm } from './nodes.ts'
import type { TestRegistry } from './registry.ts'

/**
 * Installs the program with this version of Node and this version of npm, starts it, updates it, and waits
 * until the new version runs.
 */
export async function updateOnNode(t: TestContext, registry: TestRegistry, version: string, npm: string) {
  const node = await nodeWithNpm(version, npm)
  const machine = await Installation.open(t, registry, { node })
  await machine.start()
  const agent = await machine.stage.start()
  const { pid } = await machine.stage.agent(agent)
  const outcome = await machine.order('1.1.0')
  assert.equal(outcome.state, 'succeeded', JSON.stringify(outcome))
  await machine.runs('1.1.0')
  assert.equal(await machine.version(), '1.1.0')
  assert.equal((await machine.stage.agent(agent)).pid, pid)
  const echo = await machine.stage.command(agent, 'prompt', { content: `on ${version}` })
  assert.equal(echo.state, 'succeeded')
  const status = JSON.parse((await machine.run(['status', '--json'])).stdout)
  assert.equal(status.version, '1.1.0')
}
