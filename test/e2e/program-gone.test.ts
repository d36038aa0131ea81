import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { promisify } from 'node:util'
import { fakeStage } from '../support/fake-agent.ts'
import { programCopy } from '../support/program-copy.ts'
import { freePort, PROGRAM } from '../support/stage.ts'

test('every function of a hub and a daemon keeps working after their program was deleted', async (t) => {
  const stage = await fakeStage(t, { FOMULAR_UPDATE_REGISTRY: `http://127.0.0.1:${await freePort()}` })
  writeFileSync(join(stage.env.HOME!, '.npmrc'), 'fetch-retries=0\n')
  const { dir, program } = programCopy(t)
  // Versions before this one kept their compiled code in these files.
  mkdirSync(stage.state, { mode: 0o700 })
  for (const command of ['run', 'up', 'hub']) writeFileSync(join(stage.state, `compiled-${command}.bin`), '')
  await stage.hub([process.execPath, program])
  stage.daemonCommand = [process.execPath, program]
  await stage.daemon()
  assert.deepEqual(
    readdirSync(stage.state).filter((name) => name.startsWith('compiled-')),
    [],
  )
  rmSync(dir, { recursive: true })

  const agent = await stage.start({ prompt: 'hello' })
  await stage.eventually(agent, 'turn_result')
  // For this check, the daemon asks npm for npm's settings, with a library that it has not loaded before.
  const look = promisify(execFile)(process.execPath, [PROGRAM, 'update', '--check', '--json'], {
    env: stage.env,
  })
  await assert.rejects(look, ({ stdout }: { stdout: string }) => {
    assert.equal(JSON.parse(stdout).error.code, 'update_registry_unreachable', stdout)
    return true
  })
  const hub = await stage.request('GET', '/api/machines')
  assert.equal(hub.status, 200)
})
