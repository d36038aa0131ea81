import assert from 'node:assert/strict'
import { chmodSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import type { UserError } from '../../../src/platform/errors.ts'
import { findAccount } from '../../../src/service/accounts.ts'
import { queryOrFail } from '../../../src/service/run.ts'
import { type Cleanup, tempDir } from '../../support/temp.ts'

/** Puts a getent with this script first on PATH. */
function withGetent(t: Cleanup, script: string) {
  const dir = tempDir(t)
  writeFileSync(join(dir, 'getent'), `#!/bin/sh\n${script}\n`)
  chmodSync(join(dir, 'getent'), 0o755)
  const before = process.env.PATH
  process.env.PATH = `${dir}:${before}`
  t.after(() => {
    process.env.PATH = before
  })
}

test('a program that does not answer is killed, even if a descendant keeps its output open', async () => {
  for (const detached of [false, true]) {
    const argv = ['sh', '-c', 'setsid sleep 3 & sleep 3']
    await assert.rejects(queryOrFail(argv, process.env, { detached, timeoutMs: 50 }), (error: UserError) => {
      assert.equal(error.code, 'no_answer')
      assert.equal(error.message, 'sh did not answer in time.')
      assert.match(error.remedy!, /try again: sh -c 'setsid sleep 3 & sleep 3'$/)
      return true
    })
  }
})

test('a missing program is not reported as a timeout', async () => {
  assert.equal((await queryOrFail(['no-such-program-here'])).code, 127)
})

test('only exit code 2 of getent means that a user does not exist', async (t) => {
  await t.test('getent finds a user', async (t) => {
    withGetent(t, 'echo "bob:x:1001:1002::/home/bob:"')
    const bob = { name: 'bob', uid: 1001, gid: 1002, home: '/home/bob', shell: '/bin/sh' }
    assert.deepEqual(await findAccount('bob'), bob)
  })
  await t.test('getent finds no user', async (t) => {
    withGetent(t, 'exit 2')
    assert.equal(await findAccount('bob'), undefined)
  })
  for (const script of ['exit 1', 'exit 3', 'kill -9 $$', 'exit 0'])
    await t.test(`getent fails with an unclear result: ${script}`, async (t) => {
      withGetent(t, script)
      await assert.rejects(findAccount('bob'), (error: UserError) => error.code === 'users_unknown')
    })
})
