import assert from 'node:assert/strict'
import { chmodSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { fakeStage } from '../support/fake-agent.ts'

test('until the daemon is logged in, `doctor` reports the missing login, even if the shell is logged in', async (t) => {
  const stage = await fakeStage(t)
  await stage.hub()
  const login = join(stage.dir, 'login.json')
  const claude = join(stage.dir, 'claude')
  writeFileSync(login, '{"loggedIn":false}')
  writeFileSync(
    claude,
    `#!/bin/sh\n[ "$1" = auth ] && exec cat '${login}'\nexec '${stage.env.FOMULAR_CLAUDE_PATH}' "$@"\n`,
  )
  chmodSync(claude, 0o755)
  await stage.daemon({ FOMULAR_CLAUDE_PATH: claude })
  const doctor = async () => {
    const { log, ended } = stage.run(['doctor'])
    return { code: await ended, out: log() }
  }
  const wrong = await doctor()
  assert.equal(wrong.code, 1, wrong.out)
  assert.match(wrong.out, /^✗ The daemon sees: .*not logged in.*\n {2}→ /m)
  assert.match(
    wrong.out,
    /^! This shell finds something different from the daemon: .*FOMULAR_CLAUDE_PATH is /m,
  )
  writeFileSync(login, '{"loggedIn":true}')
  const mended = await doctor()
  assert.equal(mended.code, 0, mended.out)
  assert.match(mended.out, /^✓ The daemon sees: Claude Code .*, logged in$/m)
})
