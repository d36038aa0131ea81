import assert from 'node:assert/strict'
import type { TestContext } from 'node:test'
import type { HubAgent, Outcome } from '../../src/protocol/index.ts'
import { TestHub } from './hub.ts'
import { frameOf, statusOf } from './light-daemon.ts'

export const [A, B, C] = ['machine-a', 'machine-b', 'machine-c'] as const

export const agentsOf = async (hub: TestHub) =>
  (await hub.api<{ agents: HubAgent[] }>('GET', '/api/agents')).agents

export const fault = async (hub: TestHub, method: string, path: string, body?: unknown) => {
  const answer = await hub.request(method, path, body)
  const { error } = (await answer.json()) as { error?: { code: string; path?: string } }
  return [answer.status, error?.code]
}

/** Orders a machine to start an agent. */
export async function start(
  hub: TestHub,
  daemon: Awaited<ReturnType<TestHub['daemon']>>,
  machine_id: string,
  agent_id: string,
) {
  const started = hub.api<Outcome>('POST', '/api/agents', { machine_id, agent_id, spec: { cwd: '/' } })
  const count = daemon.ofType('agent:start').length + 1
  daemon.answer(await daemon.command('agent:start', count), { pid: 1 })
  assert.equal((await started).state, 'succeeded')
  daemon.send({ type: 'agent:status', ...statusOf(agent_id) })
  await daemon.settled()
}

/** Opens a hub, and a machine with an agent that has some history and was started through the hub. */
export async function withHistory(t: TestContext, agent_id: string) {
  const hub = await TestHub.open(t)
  const owner = await hub.daemon({ machine_id: A })
  await start(hub, owner, A, agent_id)
  owner.send(frameOf(agent_id, 0, 100))
  await owner.acknowledged(agent_id, 100)
  return { hub, owner }
}
