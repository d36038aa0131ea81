import assert from 'node:assert/strict'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { checkPolicy } from '../../../../src/cli/doctor/policy.ts'
import { loadDaemonConfig } from '../../../../src/config/daemon-config.ts'
import { statePaths } from '../../../../src/config/paths.ts'
import { tempDir } from '../../../support/temp.ts'

test('on a machine without a policy, doctor lists the agents that a careful policy would refuse, with the reasons', async (t) => {
  const dir = tempDir(t)
  const paths = statePaths(join(dir, 'state'))
  const env = { HOME: dir, FOMULAR_KEY: 'key', FOMULAR_POLICY: '' }
  const agent = (agent_id: string, spec: object) => {
    mkdirSync(join(paths.agents, agent_id), { recursive: true })
    const record = { version: 1, agent_id, command_id: 'c', created_at: 'now', spec: { cwd: '/', ...spec } }
    writeFileSync(join(paths.agents, agent_id, 'spec.json'), JSON.stringify(record))
  }
  const look = async (serverUrl: string, settings: object = {}) =>
    checkPolicy(
      { ...(await loadDaemonConfig({ flags: { serverUrl }, env })), env: { ...env, ...settings } },
      paths,
      undefined,
    )
  const elsewhere = 'wss://example.com'
  assert.deepEqual(await look('ws://127.0.0.1:1'), [])
  agent('plain', { permission_mode: 'plan' })
  agent('wild', { permission_mode: 'bypassPermissions', env: { PATH: '/', LD_PRELOAD: 'x' } })
  writeFileSync(paths.machine, '{}')
  mkdirSync(join(paths.agents, 'damaged'))
  for (const server of ['ws://127.0.0.1:1', elsewhere]) {
    const [finding, ...others] = await look(server)
    assert.deepEqual([finding?.level, others], ['info', []])
    assert.match(finding?.message ?? '', /these agents: wild \(permission_modes, environment\.set\)$/)
  }
  writeFileSync(join(paths.dir, 'policy.json'), '{"version":1,"default":"careful"}')
  assert.deepEqual(await look(elsewhere), [])

  mkdirSync(join(dir, '.fomular'))
  writeFileSync(join(dir, '.fomular/policy.toml'), 'version = 1\nnonsense = 1\n', { mode: 0o600 })
  const [mistake] = await look(elsewhere)
  assert.equal(mistake?.level, 'error')
  assert.match(mistake?.message ?? '', /unknown key "nonsense"/)
})
