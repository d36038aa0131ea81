import assert from 'node:assert/strict'
import { statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { CommandLog } from '../../../../../src/hub/store/files/command-log.ts'
import { createLogger } from '../../../../../src/platform/log.ts'
import { tempDir } from '../../../../support/temp.ts'

test('a large command log of an earlier hub is rewritten, even after several restarts', async (t) => {
  const path = join(tempDir(t), 'commands.jsonl')
  const line = JSON.stringify({
    version: 1,
    machine_id: 'm',
    command: { type: 'agent:prompt', command_id: 'c', agent_id: 'a', content: 'x'.repeat(1024 * 1024) },
  })
  writeFileSync(path, `${line}\n`.repeat(17))
  const logger = createLogger({ level: 'silent', stderr: 'none' })
  const log = new CommandLog({ path, logger, visit() {} })
  assert.ok(log.isBloated)
  await log.rewrite(() => [])
  assert.equal(statSync(path).size, 0)
  assert.ok(!log.isBloated)
})
