import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { tempDir } from '../../support/temp.ts'

const script = fileURLToPath(new URL('../../../src/agents/launch.sh', import.meta.url))

test('a launcher clears what an earlier one was cut short in, and not what the daemon is writing', (t) => {
  const dir = tempDir(t)
  for (const name of ['in', 'fed']) mkdirSync(join(dir, name))
  for (const name of ['process.tmp', 'exit.tmp', `000000000001_prompt_x.${process.pid}.tmp`])
    writeFileSync(join(dir, name), 'half')
  execFileSync('/bin/sh', [script, dir, '1', 'boot', '0', 'keep', 'state', 'idle', 'sh', '-c', 'exit 3'])
  assert.equal(readFileSync(join(dir, `000000000001_prompt_x.${process.pid}.tmp`), 'utf8'), 'half')
  assert.deepEqual(JSON.parse(readFileSync(join(dir, 'exit.json'), 'utf8')), { version: 1, run: 1, code: 3 })
})
