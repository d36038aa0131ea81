import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { test } from 'node:test'
import { Notices } from '../../../src/hub/gate/notices.ts'
import { ManualClock } from '../../support/manual-clock.ts'
import { memoryLog } from '../../support/memory-log.ts'

test('the log repeats a message about the same machine or key up to a limit, and then counts the repetitions', () => {
  const clock = new ManualClock()
  const { logger, lines } = memoryLog()
  const log = new Notices({ clock, logger, lines: Number.POSITIVE_INFINITY, same: 2 }).asLogger()
  for (let n = 0; n < 5; n++) {
    log.info({ machine_id: 'a', n }, 'connected')
    log.warn({ machine_id: 'a', key_id: 'k' }, 'refused')
    log.error({ path: '/' }, 'of nobody')
  }
  log.info({ machine_id: 'b' }, 'connected')
  clock.pass(60_000)
  log.info({ machine_id: 'a' }, 'connected')
  assert.deepEqual(
    ['connected', 'refused', 'of nobody'].map((message) => lines.filter(({ msg }) => msg === message).length),
    [4, 2, 5],
  )
  assert.deepEqual(
    lines.filter(({ times }) => times !== undefined),
    [
      { machine_id: 'a', times: 3, msg: 'connected, again' },
      { key_id: 'k', times: 3, msg: 'refused, again' },
    ],
  )
})

test('a hub can exit while it is still counting repetitions of a message', () => {
  const at = (path: string) => JSON.stringify(new URL(`../../../src/${path}`, import.meta.url).href)
  const script = `
    import { Notices } from ${at('hub/gate/notices.ts')}
    import { systemClock } from ${at('platform/clock.ts')}
    new Notices({ clock: systemClock, logger: { warn() {} } }).tell('192.0.2.1', 'refused')`
  // This timeout is shorter than the period for which repetitions are counted.
  execFileSync(process.execPath, ['--input-type=module', '-e', script], { timeout: 45_000 })
})
