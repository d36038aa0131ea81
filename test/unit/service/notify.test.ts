import assert from 'node:assert/strict'
import { chmodSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { systemClock } from '../../../src/platform/clock.ts'
import { createLogger } from '../../../src/platform/log.ts'
import { startNotifier } from '../../../src/service/notify.ts'
import { type Cleanup, tempDir } from '../../support/temp.ts'
import { until } from '../../support/wait.ts'

const logger = createLogger({ level: 'silent', stderr: 'none' })

/** A stand-in for systemd-notify that records its messages. */
function stage(t: Cleanup, env: NodeJS.ProcessEnv = {}) {
  const dir = tempDir(t)
  const path = join(dir, 'systemd-notify')
  writeFileSync(path, `#!/bin/sh\nprintf '%s;' "$@" "$NOTIFY_SOCKET" >>${dir}/said\necho >>${dir}/said\n`)
  chmodSync(path, 0o755)
  writeFileSync(join(dir, 'said'), '')
  const condition = { connected: false, text: 'Not connected' }
  const notifier = startNotifier({
    env: { PATH: `${dir}:${process.env.PATH}`, NOTIFY_SOCKET: '/sock', ...env },
    pid: 42,
    condition: () => condition,
    clock: systemClock,
    logger,
  })
  t.after(() => notifier?.close())
  return { notifier, condition, said: () => readFileSync(join(dir, 'said'), 'utf8').split('\n').slice(0, -1) }
}

test('the notifier reports the connection, each change of its status, and finally the stop', async (t) => {
  const { notifier, condition, said } = stage(t)
  await until(() => said().length === 1)
  Object.assign(condition, { connected: true, text: 'Connected' })
  await until(() => said().length === 2)
  Object.assign(condition, { connected: false, text: 'Lost' })
  await until(() => said().length === 3)
  await notifier?.stopping('Stopping')
  assert.deepEqual(said(), [
    'STATUS=Not connected;/sock;',
    'READY=1;WATCHDOG=1;STATUS=Connected;/sock;',
    'READY=1;WATCHDOG=1;STATUS=Lost;/sock;',
    'STOPPING=1;STATUS=Stopping;/sock;',
  ])
})

test('the notifier regularly reports that it is alive if systemd has a watchdog', async (t) => {
  const { condition, said } = stage(t, { WATCHDOG_USEC: '60000', WATCHDOG_PID: '42', SYSTEMD_EXEC_PID: '42' })
  condition.connected = true
  await until(() => said().filter((line) => line.includes('WATCHDOG=1')).length >= 3)
})

test('the notifier ignores a socket that is for a parent process', (t) => {
  assert.equal(stage(t, { SYSTEMD_EXEC_PID: '41' }).notifier, undefined)
  assert.equal(stage(t, { NOTIFY_SOCKET: '' }).notifier, undefined)
})

test('a message of the server cannot become a command to systemd, and is shortened to a safe length', async (t) => {
  const { condition, said } = stage(t)
  await until(() => said().length === 1)
  condition.text = 'Refused: no\nMAINPID=1\x1b[2J\0'
  await until(() => said().length === 2)
  assert.equal(said()[1], 'STATUS=Refused: no\\nMAINPID=1\\u001b[2J\\u0000;/sock;')
  condition.text = 'x'.repeat(300_000)
  await until(() => said().length === 3)
  assert.ok(said()[2]!.length < 1000)
})
