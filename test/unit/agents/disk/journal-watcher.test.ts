import { appendFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import type { Agent } from '../../../../src/agents/agent.ts'
import { JournalWatcher } from '../../../../src/agents/disk/journal-watcher.ts'
import { systemClock } from '../../../../src/platform/clock.ts'
import { createLogger } from '../../../../src/platform/log.ts'
import { tempDir } from '../../../support/temp.ts'
import { until } from '../../../support/wait.ts'

test('a journal whose growth could not be handled is reported again when it grows further', async (t) => {
  const journal = join(tempDir(t), 'activity.jsonl')
  writeFileSync(journal, '')
  const agent = { id: 'a', folder: { journal } } as Agent
  let count = 0
  const watching = new JournalWatcher({
    clock: systemClock,
    logger: createLogger({ level: 'silent', stderr: 'none' }),
    onGrowth: () => {
      count++
      throw new Error('no space left on device')
    },
  })
  watching.add(agent)
  t.after(() => watching.forget(agent))
  appendFileSync(journal, 'one\n')
  await until(() => count > 0)
  const before = count
  appendFileSync(journal, 'two\n')
  await until(() => count > before)
})
