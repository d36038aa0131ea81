import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { PassThrough } from 'node:stream'
import { test } from 'node:test'
import { checkStill } from '../../../src/cli/service/uninstall.ts'
import { tempDir } from '../../support/temp.ts'

test('the name of a leftover agent process cannot control the terminal', async (t) => {
  const state = tempDir(t)
  mkdirSync(join(state, 'agents'))
  const env = { ...process.env, FOMULAR_AGENT: join(state, 'agents/gone') }
  const argv0 = 'x\u001b]0;title\u0007'
  // Detached, because otherwise all processes in the session of the test would count as part of the agent.
  const child = spawn('sleep', ['600'], { argv0, env, detached: true, stdio: 'ignore' })
  t.after(() => child.kill('SIGKILL'))
  await once(child, 'spawn')
  const errors = new PassThrough()
  t.mock.getter(process, 'stderr', () => errors)
  await checkStill(state, false)
  const said = String(errors.read())
  assert.ok(said.includes(`${child.pid}  removed: gone  x␛]0;title␇ 600`), JSON.stringify(said))
})
