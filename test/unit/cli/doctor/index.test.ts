import assert from 'node:assert/strict'
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { examine } from '../../../../src/cli/doctor/examine.ts'
import { connectDaemon } from '../../../../src/cli/local/index.ts'
import { startHub } from '../../../../src/hub/hub.ts'
import { createLogger } from '../../../../src/platform/log.ts'
import { shellWithClaude } from '../../../support/shell-with-claude.ts'
import { tempDir } from '../../../support/temp.ts'

const logger = createLogger({ level: 'silent', stderr: 'none' })

const look = async (flags: Record<string, string>, env: NodeJS.ProcessEnv) =>
  examine(flags, env, await connectDaemon({ env }))

const find = async (flags: Record<string, string>, env: NodeJS.ProcessEnv, check: string) =>
  (await look(flags, env)).filter((finding) => finding.check === check)

test('doctor finds no problem on a healthy machine', async (t) => {
  const dir = tempDir(t)
  const hub = await startHub({ dir: join(dir, 'hub'), host: '127.0.0.1', port: 0, logger })
  t.after(() => hub.close())
  const findings = await look({ serverUrl: hub.url, keyFile: hub.machineKeyPath }, shellWithClaude(dir))
  assert.deepEqual(
    // Skip two checks: this user may have leftover processes of other state folders, and only a release has a
    // key for updates.
    findings.filter(({ level, check }) => level !== 'ok' && check !== 'strays' && check !== 'updates'),
    [],
  )
  const checks = [...new Set(findings.map(({ check }) => check))]
  assert.deepEqual(checks, [
    'node',
    'npm',
    'claude',
    'state',
    'daemon',
    'disk',
    'strays',
    'service',
    'authorities',
    'server',
    'updates',
  ])
})

test('doctor warns about a folder in which Claude Code cannot save conversations', async (t) => {
  // No user can create a folder in /proc.
  const env = { ...shellWithClaude(tempDir(t)), CLAUDE_CONFIG_DIR: '/proc/claude' }
  const found = (await find({}, env, 'claude')).map(({ level, message }) => [level, message])
  assert.equal(found[0]?.[0], 'ok')
  assert.deepEqual(found.slice(1), [
    [
      'warning',
      '/proc/claude cannot be written to: conversations are not kept, and ended agents cannot be resumed.',
    ],
  ])
})

test('doctor reports a server that refuses the key, or cannot be reached', async (t) => {
  const dir = tempDir(t)
  const env: NodeJS.ProcessEnv = shellWithClaude(dir)
  const hub = await startHub({ dir: join(dir, 'hub'), host: '127.0.0.1', port: 0, logger })
  const [refused] = await find({ serverUrl: hub.url, key: 'wrong' }, env, 'server')
  assert.equal(refused?.level, 'error')
  assert.match(refused?.message ?? '', /refuses the key/)
  await hub.close()
  const [gone] = await find({ serverUrl: hub.url, key: 'any' }, env, 'server')
  assert.match(gone?.message ?? '', /cannot be reached: .*ECONNREFUSED/)
  assert.ok(gone?.remedy)
})

test('doctor reports problems with the configuration, Claude Code and the state folder', async (t) => {
  const dir = tempDir(t)
  const env: NodeJS.ProcessEnv = shellWithClaude(dir)
  assert.equal((await find({}, env, 'config'))[0]?.level, 'warning')
  assert.match((await find({ maxAgents: 'x', key: 'k' }, env, 'config'))[0]?.message ?? '', /--max-agents/)
  const [claude] = await find({}, { ...env, FOMULAR_CLAUDE_PATH: join(dir, 'none') }, 'claude')
  assert.equal(claude?.level, 'error')
  assert.match(claude?.remedy ?? '', /FOMULAR_CLAUDE_PATH/)

  const state = join(dir, 'state')
  mkdirSync(state, { mode: 0o755 })
  chmodSync(state, 0o755)
  writeFileSync(join(state, 'machine.json.damaged-1'), '')
  const folder = await find({}, env, 'state')
  assert.match(folder[0]?.message ?? '', /Other users can read/)
  assert.match(folder[1]?.message ?? '', /machine\.json\.damaged-1/)
})
