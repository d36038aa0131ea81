import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { tempDir } from '../../support/temp.ts'

test('a process leaves its working folder only after the folder was deleted', (t) => {
  const module = `
    import { rmdirSync } from 'node:fs'
    import { leaveDeletedFolder } from '${fileURLToPath(new URL('../../../src/platform/working-folder.ts', import.meta.url))}'
    const seen = [process.cwd()]
    leaveDeletedFolder()
    seen.push(process.cwd())
    rmdirSync(process.cwd())
    leaveDeletedFolder()
    seen.push(process.cwd())
    console.log(JSON.stringify(seen))`
  const dir = tempDir(t)
  const out = execFileSync(process.execPath, ['--input-type=module', '-e', module], {
    cwd: dir,
    encoding: 'utf8',
  })
  assert.deepEqual(JSON.parse(out), [dir, dir, '/'])
})
