import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import type { Finding } from '../../src/cli/render/finding.ts'
import { MACHINE_KEY, SERVER, serviceMachine } from '../support/service-machine.ts'
import { until } from '../support/wait.ts'

/** Service that runs as root. */
const INSTALL = ['service', 'install', '--user', 'root', ...SERVER, '--key-file', MACHINE_KEY]
const POLICY = 'version = 1\npermission_modes = ["*"]\nisolation.agent_user = "bob"\n'

test('systemd accepts messages about a service of root only from its daemon, not from agents of another user', async (t) => {
  const on = await serviceMachine(t)
  const { machine, daemon, at, write } = on
  write('/etc/fomular-daemon/policy.toml', POLICY)
  const installed = await daemon(INSTALL)
  assert.equal(installed.code, 0, installed.stderr)
  const before = await on.renewed()
  const messages = 'STATUS=of-the-agent WATCHDOG=trigger MAINPID=1'
  const notify = `NOTIFY_SOCKET=/run/systemd/notify systemd-notify ${messages}; id -un`
  const agent = await on.startAgent(
    '--prompt',
    `run (${notify}) >/home/bob/said 2>&1; echo end >>/home/bob/said`,
  )
  await until(() => said(at('/home/bob/said')).endsWith('end\n'), { what: 'the messages of the agent' })
  assert.match(said(at('/home/bob/said')), /^bob$/m)
  await on.agentIs(agent, 'idle')
  const shown = await machine.out([
    'systemctl',
    'show',
    'fomular-daemon',
    '--property=StatusText,MainPID,NRestarts',
  ])
  assert.match(shown, new RegExp(`MainPID=${before.pid}\n`))
  assert.match(shown, /NRestarts=0\n/)
  assert.doesNotMatch(shown, /of-the-agent/)
  const { findings } = JSON.parse((await daemon(['doctor', '--json'])).stdout) as { findings: Finding[] }
  const ofService = findings.filter(({ check }) => check === 'service')
  assert.deepEqual(
    ofService.map(({ level }) => level),
    ['ok'],
    JSON.stringify(ofService),
  )
})

function said(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}
