// Needs: qemu-aarch64-static, /usr/aarch64-linux-gnu/lib/libc.so.6, /usr/aarch64-linux-gnu/lib/libstdc++.so.6
import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { execa } from 'execa'
import { realRelease } from '../support/real-release.ts'
import { tempDir } from '../support/temp.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))
const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
const host = `linux-${process.arch === 'arm64' ? 'arm64' : 'x64'}`

/** Runs test files with another build of the program instead of the bundle. */
async function runTests(program: string, files: string[], args: string[] = [], patience = 1) {
  const { NODE_TEST_CONTEXT: _, ...env } = process.env
  const all = [
    '--test',
    '--test-concurrency=1',
    '--test-timeout=600000',
    ...args,
    ...files.map((file) => `test/e2e/${file}.test.ts`),
  ]
  const { exitCode, stdout } = await execa(process.execPath, all, {
    cwd: root,
    env: { ...env, TEST_PROGRAM: program, TEST_PATIENCE: String(patience) },
    extendEnv: false,
    reject: false,
  })
  assert.equal(exitCode, 0, stdout)
  assert.match(stdout, /^(ℹ|#) pass [1-9]/m)
}

test('two builds of the same sources are identical', async (t) => {
  const [first, second] = [tempDir(t), tempDir(t)]
  for (const out of [first, second])
    await execa(process.execPath, [join(root, 'packaging/binary.ts'), '--out', join(out, 'bin'), host])
  const manifest = (out: string) => readFileSync(join(out, 'bin/manifest.json'), 'utf8')
  assert.equal(manifest(first), manifest(second))
})

test('the executable passes the tests of the command line, agents, conversations, and agent survival', async () => {
  const program = join(await realRelease(host), version, `fomular-daemon-${host}`)
  await runTests(program, ['cli', 'conversation', 'life', 'survival'])
})

test('the arm64 executable passes the main tests, with an arm64 hub', async (t) => {
  const program = join(await realRelease('linux-arm64'), version, 'fomular-daemon-linux-arm64')
  let run = program
  if (process.arch !== 'arm64') {
    run = join(tempDir(t), 'fomular-daemon')
    const text = `#!/bin/sh\nexec qemu-aarch64-static -L /usr/aarch64-linux-gnu '${program}' "$@"\n`
    writeFileSync(run, text, { mode: 0o755 })
  }
  await runTests(
    run,
    ['conversation'],
    ['--test-name-pattern=two turns|a tool use is allowed|an interrupt'],
    8,
  )
})
