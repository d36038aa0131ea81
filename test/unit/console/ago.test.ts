import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ago } from '../../../src/console/parts/ago.ts'

const NOW = Date.parse('2026-06-01T12:00:00Z')
const from = (seconds: number) => ago(new Date(NOW + seconds * 1000).toISOString(), NOW)

test('relative times are those of the browser’s own formatter', () => {
  const formatter = new Intl.RelativeTimeFormat('en', { numeric: 'auto', style: 'short' })
  for (const [size, unit] of [
    [60, 'minute'],
    [3600, 'hour'],
    [86_400, 'day'],
  ] as const)
    for (const count of [1, 2, 23])
      for (const sign of [1, -1])
        assert.equal(from(sign * count * size), formatter.format(sign * count, unit), `${count} ${unit}`)
})

test('a time is shown in whole units, and another text unchanged', () => {
  assert.equal(from(-119), '1 min. ago')
  assert.equal(from(-30), 'just now')
  assert.equal(from(30), 'in less than a minute')
  assert.equal(from(-400 * 86_400), '400 days ago')
  assert.equal(ago('soon', NOW), 'soon')
})

test('a time of this moment is not in the future, although times are drawn again only every 30 seconds', async (t) => {
  t.mock.timers.enable({ apis: ['Date', 'setInterval'], now: NOW })
  const { now } = await import('../../../src/console/parts/time.ts')
  t.mock.timers.tick(20_000)
  assert.equal(ago(new Date(NOW + 20_000).toISOString(), now.value), 'just now')
})
