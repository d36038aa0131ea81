import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { programOutput } from '../../../src/platform/program-output.ts'
import { tempDir } from '../../support/temp.ts'

function program(t: TestContext, script: string): string {
  const path = join(tempDir(t), 'program')
  writeFileSync(path, `#!/bin/sh\n${script}\n`, { mode: 0o755 })
  return path
}

test('a program is started again if a SIGTERM for the whole unit ended it', async (t) => {
  const path = program(t, 'if mkdir "$0.asked" 2>/dev/null; then kill -TERM $$; fi; echo "$1"')
  assert.deepEqual(await programOutput(path, ['yes'], { timeout: 30_000 }), { ok: true, stdout: 'yes\n' })
})

test('a program that is killed repeatedly, fails, hangs, or is missing has no output', async (t) => {
  for (const script of ['kill -TERM $$', 'exit 1', 'exec sleep 60'])
    assert.equal((await programOutput(program(t, script), [], { timeout: 300 })).ok, false, script)
  assert.equal((await programOutput('/none', [], { timeout: 300 })).ok, false)
})
