import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { AgentRegistry } from '../../../../src/hub/registry/agent-registry.ts'
import { ChangeFeed } from '../../../../src/hub/registry/change-feed.ts'
import { DebouncedWriter } from '../../../../src/hub/store/files/debounced-writer.ts'
import { JournalStore } from '../../../../src/hub/store/files/journal-store.ts'
import { systemClock } from '../../../../src/platform/clock.ts'
import { createLogger } from '../../../../src/platform/log.ts'
import { frameOf, helloOf, statusOf } from '../../../support/light-daemon.ts'
import { type Cleanup, tempDir } from '../../../support/temp.ts'

const logger = createLogger({ level: 'silent', stderr: 'none' })

/** The agents of a hub that has 100 bytes of the machine's agent `a`. */
async function agentsWithHistory(t: Cleanup) {
  const dir = join(tempDir(t), 'agents')
  const saver = new DebouncedWriter(systemClock, logger)
  t.after(() => saver.close())
  let agents: AgentRegistry | undefined
  const greet = await new Promise<(isPresent: () => boolean) => Promise<unknown>>((resolve) => {
    const store = new JournalStore({
      dir,
      clock: systemClock,
      logger,
      // A machine that has lost the end of this journal, and does not support journal generations.
      onCommitted: () =>
        resolve((isPresent) => {
          const listed = [statusOf('a', { end: 50 }), statusOf('b'), statusOf('c')]
          return agents!.onHello(helloOf({ machine_id: 'm', capabilities: [], agents: listed }), isPresent)
        }),
    })
    agents = new AgentRegistry({
      dir,
      store,
      feed: new ChangeFeed(),
      saver,
      logger,
      isConnected: () => true,
      machineName: () => undefined,
      hasStarted: () => false,
      most: 100,
    })
    const { key, begin } = agents.begin({ machine_id: 'm', agent_id: 'a' })!
    store.take(key, 'm', frameOf('a', 0, 100), begin)
  })
  return { agents: agents!, greet }
}

test('a machine that is removed during its greeting leaves no agent behind', async (t) => {
  const { agents, greet } = await agentsWithHistory(t)
  await greet(() => {
    agents.forgetAll('m')
    return false
  })
  assert.equal(agents.count('m'), 0)
})

test('a machine that has lost the end of a journal is greeted with all its agents', async (t) => {
  const { agents, greet } = await agentsWithHistory(t)
  await greet(() => true)
  assert.equal(agents.count('m'), 3)
})
