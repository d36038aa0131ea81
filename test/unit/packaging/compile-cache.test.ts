// Needs: root
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { chmodSync, chownSync, existsSync, mkdirSync, readdirSync, statSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { promisify } from 'node:util'
import { oldestNode } from '../../support/nodes.ts'
import { programCopy } from '../../support/program-copy.ts'
import { type Cleanup, tempDir } from '../../support/temp.ts'

const NOBODY = 65534

/** A program and its compile cache. */
function installed(t: Cleanup) {
  const { chunks, program } = programCopy(t)
  const cache = join(chunks, 'compile-cache')
  const compiled = () => (existsSync(cache) ? readdirSync(cache, { recursive: true }) : undefined)
  const run = async (node = process.execPath) => {
    const { stdout } = await promisify(execFile)(node, [program, '--help'], { env: {} })
    assert.match(stdout, /^Usage: fomular-daemon/)
  }
  return { chunks, cache, compiled, run }
}

describe('the compiled code of the program', () => {
  test('the compiled code of the program is kept in a folder that only this user may enter', async (t) => {
    const { cache, compiled, run } = installed(t)
    const umask = process.umask(0)
    t.after(() => void process.umask(umask))
    await run()
    assert.ok(compiled()!.length > 4, String(compiled()))
    assert.equal(statSync(cache).mode & 0o777, 0o700)
    await run()
  })

  const foreign: Record<string, (cache: string, dir: string) => void> = {
    'that other users may enter': (cache) => {
      mkdirSync(cache)
      chmodSync(cache, 0o711)
    },
    'of another user': (cache) => {
      mkdirSync(cache, { mode: 0o700 })
      chownSync(cache, NOBODY, NOBODY)
    },
    'behind a symbolic link': (cache, dir) => symlinkSync(dir, cache),
  }
  for (const [what, make] of Object.entries(foreign))
    test(`the compiled code of the program is not kept in a folder ${what}`, async (t) => {
      const { cache, compiled, run } = installed(t)
      make(cache, tempDir(t))
      await run()
      assert.deepEqual(compiled(), [])
    })

  test('the compiled code is not kept if the program belongs to another user, or if Node cannot store compiled code', async (t) => {
    const { chunks, compiled, run } = installed(t)
    await run(await oldestNode())
    assert.equal(compiled(), undefined)
    chownSync(chunks, NOBODY, NOBODY)
    await run()
    assert.equal(compiled(), undefined)
  })
})
