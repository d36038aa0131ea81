import assert from 'node:assert/strict'
import { test } from 'node:test'
import { colors } from '../../../../src/cli/render/ansi.ts'
import { isHealthy, statusText } from '../../../../src/cli/render/status.ts'

const plain = colors(false)
const now = Date.parse('2026-01-01T01:00:00Z')

test('the status of the daemon shows its link, machine, runtimes and problems', () => {
  const status = {
    version: '1.2.3',
    pid: 7,
    machine_id: 'm-1',
    started_at: '2026-01-01T00:00:00Z',
    state_dir: '/state',
    server_url: 'ws://localhost:3001',
    link: { state: 'live', since: '2026-01-01T00:30:00Z', attempt: 1 },
    server_hears_ms: 3.4,
    machine: {
      revision: 1,
      runtimes: [
        { name: 'claude', found: true, path: '/bin/claude', version: '2.1.330', login: 'logged_in' as const },
      ],
      problems: [
        {
          code: 'disk_low' as const,
          severity: 'warning' as const,
          message: 'Little room.',
          remedy: 'Make room.',
          since: '',
        },
      ],
      memory: { total_bytes: 2 ** 30, available_bytes: 2 ** 29 },
      disk: { total_bytes: 2 ** 40, available_bytes: 2 ** 30 },
      load: { one_minute: 1.5, five_minutes: 1, fifteen_minutes: 0.5, processors: 8 },
      accepts_agents: true,
    },
    agents: [],
  }
  assert.equal(
    statusText(status, now, plain),
    `Daemon    1.2.3, process 7, running for 1 h
Machine   m-1
Server    ws://localhost:3001 connected for 30 min, answers in 3 ms
State     /state
Disk      1.0 GiB free; memory 512.0 MiB free; load 1.50 on 8 processors
Runtime   Claude Code 2.1.330 at /bin/claude, logged in
! Little room.
  → Make room.

No agents. Start one: fomular-daemon agent start --prompt "…"`,
  )
  assert.ok(isHealthy(status))
  const deaf = { ...status, server_hears_ms: null }
  assert.ok(!isHealthy(deaf))
  assert.match(statusText(deaf, now, plain), /connected, but the server does not answer/)
  const away = {
    ...status,
    link: { state: 'dialing', since: '2026-01-01T00:59:00Z', attempt: 3, last_error: 'ECONNREFUSED' },
  }
  assert.ok(!isHealthy(away))
  assert.match(statusText(away, now, plain), /not connected for 1 min, try 3: ECONNREFUSED/)
})
