import assert from 'node:assert/strict'
import { test } from 'node:test'
import { HUB_LIMITS } from '../../../../src/config/hub-limits.ts'
import { AgentRegistry } from '../../../../src/hub/registry/agent-registry.ts'
import { ChangeFeed } from '../../../../src/hub/registry/change-feed.ts'
import { openFileStore } from '../../../../src/hub/store/files/file-store.ts'
import { systemClock } from '../../../../src/platform/clock.ts'
import { createLogger } from '../../../../src/platform/log.ts'
import type { AgentStatus } from '../../../../src/protocol/index.ts'
import { frameOf, helloOf, statusOf } from '../../../support/light-daemon.ts'
import { type Cleanup, tempDir } from '../../../support/temp.ts'

const logger = createLogger({ level: 'silent', stderr: 'none' })

/**
 * Returns the agents of a hub that has stored 100 bytes of the journal of agent `a`, and a function that
 * greets the hub.
 */
async function agentsWithHistory(t: Cleanup) {
  const options = { dir: tempDir(t), faults: [], strict: true, audit: HUB_LIMITS.audit, clock: systemClock }
  const store = await openFileStore({ ...options, logger })
  t.after(() => store.close())
  const feed = new ChangeFeed()
  const agents = new AgentRegistry({
    store,
    feed,
    logger,
    machines: { link: () => undefined, nameOf: () => undefined },
    commands: { hasStarted: () => false },
    most: 100,
  })
  await agents.load()
  const committed = new Promise((resolve) => store.journals.events.on('committed', resolve))
  const { key, begin } = agents.begin({ machine_id: 'm', agent_id: 'a' })!
  await store.journals.take(key, 'm', frameOf('a', 0, 100), begin)
  await committed
  // Greets as a machine that has lost the end of this journal, and does not support journal generations.
  const greet = (isPresent: () => boolean, ofB: Partial<AgentStatus> = {}) => {
    const listed = [statusOf('a', { end: 50 }), statusOf('b', ofB), statusOf('c')]
    return agents.onHello(helloOf({ machine_id: 'm', capabilities: [], agents: listed }), isPresent)
  }
  return { agents, greet, feed }
}

test('a machine that is removed during its greeting leaves no agent behind', async (t) => {
  const { agents, greet } = await agentsWithHistory(t)
  await greet(() => {
    void agents.forgetAll('m')
    return false
  })
  assert.equal(agents.count('m'), 0)
})

test('the hub lists all agents of a machine that has lost the end of a journal', async (t) => {
  const { agents, greet } = await agentsWithHistory(t)
  await greet(() => true)
  assert.equal(agents.count('m'), 3)
})

test('an agent that is removed while a page is written is not on this page', async (t) => {
  const { agents, greet } = await agentsWithHistory(t)
  await greet(() => true)
  const shown: string[] = []
  for (const { agent_id } of agents.listed([...agents.records('')])) {
    shown.push(agent_id)
    if (agent_id === 'a') await agents.forget({ machine_id: 'm', agent_id: 'b' })
  }
  assert.deepEqual(shown, ['a', 'c'])
})

test('a greeting publishes only agents that have changed, even if their revision has not', async (t) => {
  const { agents, greet, feed } = await agentsWithHistory(t)
  await greet(() => true)
  agents.onRemoved({ machine_id: 'm', agent_id: 'c' })
  const published: string[] = []
  feed.subscribe((change) => published.push('key' in change ? change.key : change.kind))
  await greet(() => true, { state: 'working' })
  assert.deepEqual(published, ['b', 'c'])
  assert.equal(agents.get({ machine_id: 'm', agent_id: 'b' })?.state, 'working')
  assert.equal(agents.get({ machine_id: 'm', agent_id: 'c' })?.gone, undefined)
})
