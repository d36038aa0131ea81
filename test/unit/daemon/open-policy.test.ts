import assert from 'node:assert/strict'
import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { loadDaemonConfig } from '../../../src/config/daemon-config.ts'
import { statePaths } from '../../../src/config/paths.ts'
import { openMachine } from '../../../src/daemon/machine.ts'
import { defaultOf, openPolicy } from '../../../src/daemon/open-policy.ts'
import { createLogger } from '../../../src/platform/log.ts'
import { ManualClock } from '../../support/manual-clock.ts'
import { tempDir } from '../../support/temp.ts'

const logger = createLogger({ level: 'silent', stderr: 'none' })
const ELSEWHERE = 'wss://os.example.com'
const HERE = 'ws://127.0.0.1:3001'

function folder(t: TestContext) {
  const dir = tempDir(t)
  const paths = statePaths(dir)
  const home = process.env.HOME
  process.env.HOME = dir
  t.after(() => {
    process.env.HOME = home
  })
  /** Starts a daemon of this version, or of an older version without policies. */
  const run = async (
    serverUrl: string,
    { version = 'new', kept }: { version?: string; kept?: string } = {},
  ) => {
    const foreseen = defaultOf(serverUrl, paths)
    const machine = openMachine(paths.machine, 'now', kept)
    await machine.saved()
    if (version === 'old') return undefined
    const env = { HOME: dir, FOMULAR_KEY: 'key' }
    const config = await loadDaemonConfig({ flags: { serverUrl }, env })
    const { state } = openPolicy(config, machine, paths, { clock: new ManualClock(), logger })
    const found = state.from === 'default' ? state.kind : state.from
    if (kept === undefined) assert.equal(foreseen, found)
    return found
  }
  return { dir, paths, run }
}

test('a new machine whose server runs on another machine has the careful policy, even after a rollback to an older version', async (t) => {
  const { run } = folder(t)
  assert.equal(await run(ELSEWHERE), 'careful')
  await run(ELSEWHERE, { version: 'old' })
  assert.equal(await run(ELSEWHERE), 'careful')
})

test('an updated installation stays open, even after a rollback to an older version', async (t) => {
  const { run } = folder(t)
  await run(ELSEWHERE, { version: 'old' })
  assert.equal(await run(ELSEWHERE), 'open')
  await run(ELSEWHERE, { version: 'old' })
  assert.equal(await run(ELSEWHERE), 'open')
})

test('a machine is open for a server on the same machine, and careful for another server', async (t) => {
  const { run } = folder(t)
  assert.equal(await run(HERE), 'open')
  assert.equal(await run(ELSEWHERE), 'careful')
  assert.equal(await run('ws://[::1]:1'), 'open')
})

test('a machine with a damaged record or a lost state folder is careful', async (t) => {
  const { dir, paths, run } = folder(t)
  await run(ELSEWHERE, { version: 'old' })
  assert.equal(await run(ELSEWHERE), 'open')
  writeFileSync(join(dir, 'policy.json'), '{')
  assert.equal(await run(ELSEWHERE), 'careful')
  rmSync(paths.machine)
  rmSync(join(dir, 'policy.json'))
  assert.equal(await run(ELSEWHERE, { kept: 'machine' }), 'careful')
})
