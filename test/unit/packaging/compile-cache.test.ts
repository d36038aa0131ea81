// Needs: root
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
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
    return stdout
  }
  return { chunks, program, cache, compiled, run }
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

  test('the compiled code is kept on the oldest Node, too', async (t) => {
    const { compiled, run } = installed(t)
    await run(await oldestNode())
    assert.ok(compiled()!.length > 4, String(compiled()))
    await run(await oldestNode())
  })

  test('the compiled code is not kept if the program belongs to another user', async (t) => {
    const { chunks, compiled, run } = installed(t)
    chownSync(chunks, NOBODY, NOBODY)
    await run()
    assert.equal(compiled(), undefined)
  })

  test('an edit of the program takes effect, even if size and time of the file stay the same', async (t) => {
    const { chunks, run } = installed(t)
    const path = join(chunks, 'command-line.js')
    assert.match(await run(), /Runs Claude Code agents/)
    const { atime, mtime } = statSync(path)
    writeFileSync(path, readFileSync(path, 'latin1').replace('Runs Claude Code', 'Runs CLAUDE CODE'))
    utimesSync(path, atime, mtime)
    assert.match(await run(), /Runs CLAUDE CODE agents/)
  })

  test('an edit of the program may contain any character', async (t) => {
    const { chunks, run } = installed(t)
    const path = join(chunks, 'command-line.js')
    writeFileSync(path, readFileSync(path, 'latin1').replace('Runs Claude Code', 'Führt „Claude Code“ aus:'))
    for (let times = 0; times < 2; times++) assert.match(await run(), /Führt „Claude Code“ aus: agents/)
  })

  const damage: Record<string, (path: string, content: Buffer) => void> = {
    'that was cut off': (path, { length }) => truncateSync(path, length / 2),
    'with a lost block': (path, content) => writeFileSync(path, content.fill(0, 4096, 8192)),
    'with a lost end': (path, content) => writeFileSync(path, content.fill(0, 65536)),
  }
  for (const [how, apply] of Object.entries(damage))
    test(`compiled code ${how} is replaced, and files of killed processes are deleted`, async (t) => {
      const { cache, compiled, run } = installed(t)
      await run()
      const before = compiled()
      const [folder = ''] = readdirSync(cache)
      const path = join(cache, folder, 'command-line.js')
      const { size } = statSync(path)
      apply(path, readFileSync(path))
      writeFileSync(join(cache, folder, 'core.js.1'), '')
      await run()
      assert.deepEqual(compiled(), before)
      assert.ok(Math.abs(statSync(path).size - size) < 1024)
      assert.ok(readFileSync(path).subarray(4096, 8192).some(Boolean))
    })

  test('a program that was removed while a command ran does not come back', async (t) => {
    const { chunks, program } = installed(t)
    const removal = join(tempDir(t), 'removal.cjs')
    const remove = `require('fs').rmSync(${JSON.stringify(chunks)}, { recursive: true })`
    writeFileSync(removal, `process.on('exit', () => ${remove})`)
    await promisify(execFile)(process.execPath, ['--require', removal, program, '--help'])
    assert.ok(!existsSync(chunks))
  })

  test('compiled code that cannot be kept leaves no file', async (t) => {
    const { cache, run } = installed(t)
    await run()
    const path = join(cache, readdirSync(cache)[0]!)
    rmSync(join(path, 'command-line.js'))
    mkdirSync(join(path, 'command-line.js'))
    const before = readdirSync(path)
    await run()
    assert.deepEqual(readdirSync(path), before)
  })

  test('no compiled code is kept for commands that do not exist', async (t) => {
    const { compiled, program } = installed(t)
    await assert.rejects(promisify(execFile)(process.execPath, [program, 'agnet', 'something']), { code: 2 })
    assert.deepEqual(compiled(), [])
  })

  test('the compiled code of many commands and versions of Node is deleted before that of another is kept', async (t) => {
    const { cache, run } = installed(t)
    await run()
    const [folder = ''] = readdirSync(cache)
    rmSync(join(cache, folder), { recursive: true })
    for (let count = 0; count < 100; count++) mkdirSync(join(cache, `help v1.0.${count}-x64`))
    await run()
    assert.deepEqual(readdirSync(cache), [folder])
  })
})
